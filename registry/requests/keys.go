package requests

import "strings"

// Every key is named here. All lie in one slot, so that one script does one change on a Cluster too.
//
//	rf:{requests}:q:<id>      hash    one request, fields below; records.keep once it is decided
//	rf:{requests}:n           string  the number of the last request: ids are "r" and the next one
//	rf:{requests}:open        sorted  open ones, by the time they were opened, ms
//	rf:{requests}:due         sorted  those to which something happens by itself, by that time, ms
//	rf:{requests}:all         sorted  all that are kept, by the time they were opened
//	rf:{requests}:rep:<rep>   sorted  those of one rep, likewise
//	rf:{requests}:num:<e164>  sorted  those about one number, likewise
//	rf:{requests}:same        hash    what is asked for, see Request.key → id of the open request
//	rf:{requests}:mine        hash    rep → how many of its requests are open
//	rf:{requests}:out         stream  changes that are not yet in the number's records
//
// Fields of a request; times and spans are ms:
//
//	kind state number scope rep to percent for reason owner · key as in "same" · steps parted by "," · at index of the
//	step it waits for · escalate · opened · due · expires · lease until which somebody carries it out · failure ·
//	a<i> the i-th answer: what SEP step SEP by SEP at SEP reason · answers how many
const keyTag = "rf:{requests}:"

const (
	keyLast = keyTag + "n"
	keyOpen = keyTag + "open"
	keyDue  = keyTag + "due"
	keyAll  = keyTag + "all"
	keySame = keyTag + "same"
	keyOut  = keyTag + "out"
	keyMine = keyTag + "mine"
)

func keyRequest(id string) string    { return keyTag + "q:" + id }
func keyRep(rep string) string       { return keyTag + "rep:" + rep }
func keyNumber(digits string) string { return keyTag + "num:" + digits }

// changeKeys are the KEYS of every script that changes one request.
func changeKeys(id string) []string {
	return []string{keyRequest(id), keyDue, keyOpen, keySame, keyOut, keyMine}
}

// sep parts what is packed into one field. Ids hold none, since they have no control characters; reasons come last.
const sep = "\x1f"

// isRequestID keeps what somebody typed from naming another key.
func isRequestID(id string) bool {
	return len(id) > 1 && len(id) < 20 && id[0] == 'r' && strings.Trim(id[1:], "0123456789") == ""
}
