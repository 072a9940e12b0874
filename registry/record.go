package registry

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ringfence/ringfence/gate"
)

// A record is one field of a stream entry, packed: texts escaped (text.go) and parted by sep, in this order, empty ones
// at the end left out. The entry's id holds the time, by the server's clock.
//
//	1 version of this encoding, "1" · 2 id of the number's record before this one, "" for the first
//	3 kind: d decision · e end · o owner · r refusal · l listing · p pass · c customer · k feature code · q pool ·
//	n request · g stage
//	4 verdict · 5 reason, or what a command did · 6 owner
//	7 rep who called, or the operator · 8 number (what was dialled, when it is none) · 9 peer · 10 gate · 11 policy
//	12 Call-ID · 13 list · 14 version of the list · 15 talk ms · 16 ending · 17 SIP status · 18 note
//	19 scope · 20 detail: "key=value" parted by ";", keys in lower case, values escaped with the ";" in them
//
// Fields 1 and 2 keep their places in every version, since history.lua follows them. Mostly the scripts write fields 1
// to 7 and get the rest packed from here.
const (
	recordVersion = "1"
	recordFields  = 20
	recordDetail  = 19 // index of the last one
)

// RecordKind says what a record tells.
type RecordKind string

// The kinds of record.
const (
	RecordDecision RecordKind = "decision" // what was answered to a call
	RecordEnd      RecordKind = "end"      // how a call ended
	RecordOwner    RecordKind = "owner"    // claim, release, transfer, share, lock, deal and so on, by command
	RecordPass     RecordKind = "pass"     // grant or revoke; a decision that uses one up names it in Detail
	RecordRefusal  RecordKind = "refusal"  // refuse or lift by command
	RecordListing  RecordKind = "listing"  // dnc add or remove of one number
	RecordCustomer RecordKind = "customer" // tie or untie: the number is a customer's, or no longer
	RecordCode     RecordKind = "code"     // a feature code that a rep dialled; the note is what came of it
	RecordRequest  RecordKind = "request"  // what became of a request: open, approve, deny, cancel, escalate, expire, carry_out, fail
	RecordPool     RecordKind = "pool"     // recycle or warn
	RecordStage    RecordKind = "stage"    // enter, leave or warn
)

var recordKinds = map[string]RecordKind{
	"d": RecordDecision, "e": RecordEnd, "o": RecordOwner, "p": RecordPass, "r": RecordRefusal, "l": RecordListing,
	"c": RecordCustomer, "k": RecordCode,
	"q": RecordPool, "n": RecordRequest, "g": RecordStage,
}

// Record is one thing that happened to a number.
type Record struct {
	ID      string // of the stream entry
	Time    time.Time
	Kind    RecordKind
	Verdict string        // decision: allow, block or redirect
	Reason  string        // decision: the reason's name; by command: what it did, such as claim, release, refuse, lift, add
	Owner   gate.Rep      // who owns the number after it; release: who owned it; in_flight: who was ringing it
	Rep     gate.Rep      // who called; by command: the operator
	Number  gate.Number   // "" when what was dialled is no E.164 number
	Dialled string        // digits, extension or text as dialled
	Peer    string        // decision: where the call came from
	Gate    string        // which gate decided
	Policy  string        // version of the rules
	CallID  string        // of the call
	List    string        // dnc: the list
	Version string        // dnc: its version, for bulk lists
	Talk    time.Duration // end: since the answer; 0 when not answered or not known
	Ending  string        // end: answered, refused, unanswered, failed or unknown
	Status  int           // end: final SIP status towards the caller; 0 when there was none
	Note    string
	Scope   gate.Scope        // the product line it is about; "" for the company's one
	Detail  map[string]string // what else there is to say, such as from=201 or why=no_contact; nil for nothing
}

// errRecord is what DecodeRecord's errors wrap.
var errRecord = errors.New("registry: broken record")

// DecodeRecord reads a stream entry.
func DecodeRecord(id, packed string) (Record, error) {
	at, err := timeOfID(id)
	if err != nil {
		return Record{}, err
	}
	version, _, _ := strings.Cut(packed, sep)
	if version != recordVersion {
		return Record{}, fmt.Errorf("%w %s: encoding %.64q is not known to this release; a newer gate wrote it", errRecord, id, note(version))
	}
	var f [recordFields]string
	fields := strings.Split(packed, sep)
	if len(fields) > recordFields {
		return Record{}, fmt.Errorf("%w %s: %d fields instead of at most %d", errRecord, id, len(fields), recordFields)
	}
	for i, text := range fields {
		if i != recordDetail { // whose values are escaped one by one
			text = unescape(text)
		}
		f[i] = text
	}
	kind, ok := recordKinds[f[2]]
	if !ok {
		return Record{}, fmt.Errorf("%w %s: unknown kind %.64q", errRecord, id, note(f[2]))
	}
	talk, errTalk := optionalInt(f[14])
	status, errStatus := optionalInt(f[16])
	if errTalk != nil || errStatus != nil || talk < 0 || talk > int64(maxTalk/time.Millisecond) || status < 0 || status > 699 {
		return Record{}, fmt.Errorf("%w %s: talk %.32q or status %.32q is out of range", errRecord, id, note(f[14]), note(f[16]))
	}
	r := Record{
		ID: id, Time: at, Kind: kind,
		Verdict: f[3], Reason: f[4], Owner: gate.Rep(f[5]), Rep: gate.Rep(f[6]), Dialled: f[7],
		Peer: f[8], Gate: f[9], Policy: f[10], CallID: f[11], List: f[12], Version: f[13],
		Talk: time.Duration(talk) * time.Millisecond, Ending: f[15], Status: int(status), Note: f[17],
		Scope: gate.Scope(f[18]), Detail: readDetail(f[recordDetail]),
	}
	if isE164Digits(r.Dialled) && (kind != RecordDecision || !localReason(r.Reason)) {
		r.Number = gate.Number("+" + r.Dialled)
	}
	return r, nil
}

// maxTalk bounds what a record may claim: a year.
const maxTalk = 366 * 24 * time.Hour

// localReason tells decisions about what is no E.164 number though it may be all digits.
func localReason(reason string) bool {
	return reason == gate.Emergency.String() || reason == gate.Internal.String() || reason == gate.InvalidNumber.String()
}

// isE164Digits says whether text is the digits of an E.164 number.
func isE164Digits(text string) bool {
	if len(text) < 5 || len(text) > 15 || text[0] == '0' {
		return false
	}
	return strings.Trim(text, "0123456789") == ""
}

func optionalInt(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseInt(text, 10, 64)
}

// timeOfID reads the milliseconds of a stream id, "1790000000000-0".
func timeOfID(id string) (time.Time, error) {
	text, sequence, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if _, wrong := strconv.ParseUint(sequence, 10, 64); wrong != nil || err != nil || ms < 0 {
		return time.Time{}, fmt.Errorf("%w: id %.64q is none", errRecord, note(id))
	}
	return time.UnixMilli(ms), nil
}

// pack joins fields that are escaped already.
func pack(fields ...string) string { return strings.Join(fields, sep) }

// callFields are the record's fields 8 to 12.
func callFields(dialled, peer, gateName, policy, callID string) string {
	return pack(note(dialled), identity(peer), identity(gateName), identity(policy), note(callID))
}

// adminFields are fields 8 to 12 of a record made by command.
func adminFields(digits string) string { return pack(digits, "", "", "", "") }

// Detail is field 20 of a record, from keys and values in turn; empty values are left out.
func Detail(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(pairs[i] + "=" + strings.ReplaceAll(note(pairs[i+1]), ";", "%3B"))
	}
	return b.String()
}

// readDetail is the inverse of Detail.
func readDetail(text string) map[string]string {
	if text == "" {
		return nil
	}
	pairs := make(map[string]string)
	for pair := range strings.SplitSeq(text, ";") {
		key, value, _ := strings.Cut(pair, "=")
		pairs[unescape(key)] = unescape(value)
	}
	return pairs
}
