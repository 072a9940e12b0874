package registry

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// Every key is named here, and nowhere else.
//
//	rf:{b0042}:n:<digits>  hash    one number, see below: as long as its last record or refusal; for ever once owned, and while listed
//	rf:{b0042}:a:<id>      string  one attempt no longer in flight, see remembered in prelude.lua: Terms.Remember
//	rf:{b0042}:w:<id>      string  mark that a decision taken without the script is written down: Terms.Remember
//	rf:{b0042}:f:<id>      string  one feature code's errand: '' while it is done, then what came of it: Terms.Remember
//	rf:{b0042}:s           stream  every record of the bucket, field "r", see record.go: trimmed to records.keep
//	rf:{b0042}:o           sorted  owned numbers by the end of their protection, ms: until they go into the pool
//	rf:{b0042}:p           sorted  numbers in the pool by the time they entered, ms: until somebody claims them
//	rf:{b0042}:r           sorted  refused numbers by the end of the cool-down, ms: until that end
//	rf:{b0042}:c           set     customers' numbers whose owner changed, until the customer was told: members as of o and p
//	rf:{b0042}:l           sorted  numbers with single do-not-call additions by the time of the last, ms: until removed
//	rf:{b0042}:t           sorted  passes by their end, ms, members "digits:rep": until that end, or a while after their use
//	rf:{b0042}:g           sorted  numbers in a stage of the follow-up by the time it is over, ms, below 0 once that was told
//
// Members of o, p, c and g are "digits" in the company's one scope, "digits:scope" in another; of the other sets "digits".
//
// The fields of a number's hash; times are milliseconds since 1970 by the server's clock, texts are escaped (text.go).
// What a number has in a scope, in the company's one scope by these names, in another by "name:scope":
//
//	o owner · x owner's extension · s owner since · u owned until: the end that counts, FOREVER is 253402300799000
//	um 1: the end was set by hand, no sweep computes it anew · ub the end there would be without the lock
//	c last contact: last answered call, 0 before the first; missing: owned since before there were contacts, as by hand
//	m owner's team at the claim · w collaborators, parted by sep: "rep PART percent PART agreed ms PART by", PART is 0x1e
//	k 1: locked, never recycled · v deal closed at · l level of the customer: outlives the owner
//	j provisional claim, "rep sep until" · b previous owner · bu until when they may not claim it
//	q in the pool since · qw why: no_contact, no_deal, expired, released or left
//	y end of protection that was last warned of
//	g stage · gs in it since · gr who is responsible
//	cf fence of the customer's ownership that was copied here · cd the microsecond of the last change that was made here,
//	negative once the customer was told of it
//
// What it has in all of them:
//
//	h 1: it has or had an owner, or was given a level, in some scope, so that it is kept for ever
//	ru refused until · rb by whom · rn note
//	d names of the lists it was added to, parted by sep · d:<list> "at SEP by SEP note" of that addition
//	t:<rep> a pass, "until sep id sep reason sep by" · ts:<rep> one whose PIN was not dialled yet, "until sep id sep reason sep
//	by sep salt sep digest sep wrong PINs so far"
//	cu customer · ct place in the journal's order (rf:{customers}:js) of what tied it to one or untied it · cs what of the follow-up was copied
//	fr rep of the call that is up · fk its attempt id · fp id of the same rep's call it took over from · fu end of its
//	lease · fw reason of its answer · fx the rep's extension, with sep scope sep team if there is any · ff 1 once it has made
//	its rep the owner
//	e fence: the microsecond of the last reservation, or one more than the last fence should the clock have stepped back
//	p id of the number's last record, which names the one before it
//
// What is known of one rep, in a slot of its own:
//
//	rf:{r:<rep>}:p         hash    field "<algorithm> <realm>": what stands for the rep's password: until removed
//
//	rf:{r:<rep>}:h<k>      set     digits of the numbers the rep holds, k is the number modulo 16, so that Redis packs them:
//	                               for ever; in another scope than the company's one h<k>:<scope>
//	rf:{r:<rep>}:v<k>      set     those of them with a closed deal; v<k>:<scope> likewise
//	rf:{r:<rep>}:q         hash    by token, what is about to be held: "ms sep day of the credit drawn sep scope sep digits,…,"
//	rf:{r:<rep>}:c         hash    n held · v of them with a closed deal · d day of the last claim, since 1970 in the
//	                               company's time zone · c credits drawn on that day · g grows with every change · s scopes
//	rf:{holders}           set     reps who ever held a number: for ever
//	rf:{holders}:adopted   string  mark that numbers owned before there were holdings have been counted, see Adopt: for ever
//
// What a rep owns is always among what it holds or is about to hold, never the other way round: a number that another has
// taken over after its end may linger. So no cap is ever exceeded; Mend takes away what lingers.
//
// What concerns the pool as a whole, and an offboarding:
//
//	rf:{pool}:turn         string  the gate whose turn it is to look after the pool: 15 s after it last asked
//	rf:{pool}:state        hash    what it found: at, size, owned, lag ms; rules, as until_ has them, that the ends of
//	                               protection go by; next, rules that do not yet, since ms, bucket to go on with
//	rf:{offboard}:<rep>    hash    the rep's last offboarding, see offboard.go: undo and records.keep
//	rf:{b0042}:f:<id>      hash    what an offboarding did to the numbers of a bucket, field by member of o or p, see
//	                               asitwas.lua: rules.offboard.undo
//
// What concerns the company as a whole:
//
//	rf:{policies}          hash    version → rules, as YAML: as long as it is among the times
//	rf:{policies}:t        sorted  "ms SEP version" by that time: when gates began to decide by it; the last 1,000
//
// The people have a slot of their own, see people/keys.go; so have the bulk lists, see dnc/keys.go.
//
// What is known of customers, in one slot:
//
//	rf:{customers}:id      string  the last id given
//	rf:{customers}:c:<id>  hash    one customer, see below: until removed
//	rf:{customers}:o:<id>  hash    its owners, by scope, see ownership in customer_owner.go: until removed
//	rf:{customers}:u:<xx>  hash    unique values by their marks, see customer_mark.go, two bytes of which choose the key: until
//	                               removed
//	rf:{customers}:j       sorted  what has yet to be done in numbers' buckets, by the order in which it came about: a customer's
//	                               id (its numbers get their copies), or "<digits>:<id>" (a number it no longer has)
//	rf:{customers}:js      string  the last place in that order
//	rf:{customers}:l       string  the gate that does it now: 3s
//
// The fields of a customer's hash:
//
//	t type · v version, counted up by each change · a added at · r where it came from · u its marks, 12 bytes each
//	n place in the journal's order of the last change of its numbers
//	.<field> values of a field, parted by sep · +<field> the same of numbers whose owner is the customer's
//
// Keys of one bucket share the hash tag {b0042}, so one script works on a Cluster. The number of buckets and the hash
// are fixed for ever: to change them is to lose every owner.
const (
	buckets   = 1024
	keyPrefix = "rf:{b%04d}:"
)

// tags holds the prefix of each bucket's keys.
var tags = func() (t [buckets]string) {
	for b := range t {
		t[b] = fmt.Sprintf(keyPrefix, b)
	}
	return t
}()

// bucketOf is CRC16 of the E.164 digits, as Redis Cluster computes it, modulo 1,024.
func bucketOf(digits string) int { return int(crc16(digits) % buckets) }

// numberKeys names what belongs to one number. String concatenation, because it runs for every decision.
type numberKeys struct{ tag, digits string }

func keysOf(digits string) numberKeys { return numberKeys{tags[bucketOf(digits)], digits} }

func (k numberKeys) number() string           { return k.tag + "n:" + k.digits }
func (k numberKeys) attempt(id string) string { return k.tag + "a:" + id }
func (k numberKeys) written(id string) string { return k.tag + "w:" + id }
func (k numberKeys) errand(id string) string  { return k.tag + "f:" + id }
func (k numberKeys) stream() string           { return k.tag + "s" }
func (k numberKeys) owned() string            { return k.tag + "o" }
func (k numberKeys) pool() string             { return k.tag + "p" }
func (k numberKeys) passes() string           { return k.tag + "t" }
func (k numberKeys) refused() string          { return k.tag + "r" }
func (k numberKeys) changed() string          { return k.tag + "c" }
func (k numberKeys) listed() string           { return k.tag + "l" }
func (k numberKeys) staged() string           { return k.tag + "g" }

// Letters of the fields that other files read.
const (
	fieldOwner = "o"
	fieldPool  = "q"

	fieldSealed = "ts:" // and the rep
)

// splitMember is the inverse of member.
func splitMember(m string) (gate.Number, gate.Scope) {
	digits, scope, _ := strings.Cut(m, ":")
	return gate.Number("+" + digits), gate.Scope(unescape(scope))
}

// member is a number's name in the sets of owned numbers and of the pool.
func member(digits string, scope gate.Scope) string {
	if scope == "" {
		return digits
	}
	return digits + ":" + identity(string(scope))
}

// readMember is the inverse of member.
func readMember(text string) (digits string, scope gate.Scope) {
	digits, rest, _ := strings.Cut(text, ":")
	return digits, gate.Scope(unescape(rest))
}

// fieldIn names a field of one scope.
func fieldIn(letter string, scope gate.Scope) string {
	if scope == "" {
		return letter
	}
	return letter + ":" + identity(string(scope))
}

// repKeys names what is known of one rep's holdings.
type repKeys struct{ tag string }

func keysOfRep(rep gate.Rep) repKeys { return repKeys{"rf:{r:" + identity(string(rep)) + "}:"} }

func (k repKeys) pending() string { return k.tag + "q" }
func (k repKeys) counts() string  { return k.tag + "c" }

// held and dealt are the sets that a number belongs to.
func (k repKeys) held(digits string, scope gate.Scope) string {
	return k.part("h", partOf(digits), scope)
}

func (k repKeys) dealt(digits string, scope gate.Scope) string {
	return k.part("v", partOf(digits), scope)
}

func (k repKeys) part(letter string, number int, scope gate.Scope) string {
	return fieldIn(k.tag+letter+strconv.Itoa(number), scope)
}

// parts is how many sets a rep's numbers are spread over: Redis packs up to 512 whole numbers at 8 bytes each.
const parts = 16

// partOf is the number modulo parts.
func partOf(digits string) int {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0 // no number the normaliser makes; one set is as good as another
	}
	return int(n % parts)
}

// holdersKey names the set of all reps who ever held a number.
const holdersKey = "rf:{holders}"

// adoptedKey names the mark that numbers owned before there were holdings have been counted.
const adoptedKey = "rf:{holders}:adopted"

const (
	poolTurnKey  = "rf:{pool}:turn"
	poolStateKey = "rf:{pool}:state"
)

func (k numberKeys) journal(offboarding string) string { return k.tag + "f:" + offboarding }

func offboardKey(rep gate.Rep) string { return "rf:{offboard}:" + identity(string(rep)) }

// passwordKey names what stands for a rep's password.
func passwordKey(rep string) string { return "rf:{r:" + identity(rep) + "}:p" }

// customersTag is the prefix of all that is known of customers.
const customersTag = "rf:{customers}:"

func customerKey(id string) string       { return customersTag + "c:" + id }
func customerOwnersKey(id string) string { return customersTag + "o:" + id }
func customerMarksKey(m mark) string     { return customersTag + "u:" + hex.EncodeToString([]byte(m[:2])) }

const (
	customerIDKey      = customersTag + "id"
	customerJournalKey = customersTag + "j"
	customerOrderKey   = customersTag + "js"
	customerLeaseKey   = customersTag + "l"
)

// Where the rules are that gates decided by.
const (
	policiesKey    = "rf:{policies}"
	policyTimesKey = "rf:{policies}:t"
)

// crc16 is CRC-16/XMODEM: polynomial 0x1021, start 0.
func crc16(s string) uint16 {
	var crc uint16
	for i := range len(s) {
		crc = crc<<8 ^ crc16Table[byte(crc>>8)^s[i]]
	}
	return crc
}

var crc16Table = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()
