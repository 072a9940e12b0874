package dnc

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"
)

// All keys share one slot, so that one script can make a new version current on a Cluster too. Lists are read once
// for each version and gate, never for a call: that they live on one node is a matter of memory, not of load.
//
//	rf:{dnc}:version              the last version number given to any list; grows with every change. No expiry
//	rf:{dnc}:lists                hash: list → entry (JSON): what is current and what was before. No expiry
//	rf:{dnc}:manifest:LIST:ID     manifest (JSON) of one version
//	rf:{dnc}:chunk:LIST:ID:INDEX  chunk; ID is that of the load that wrote it, later versions may go on using it
//
// Manifests and chunks expire stagedTTL after they were written until a version that needs them becomes current, and
// retiredTTL after no version needs them any longer.
const (
	keyVersion = "rf:{dnc}:version"
	keyLists   = "rf:{dnc}:lists"
)

func manifestKey(list, id string) string { return "rf:{dnc}:manifest:" + list + ":" + id }

func chunkKey(list, id string) string { return "rf:{dnc}:chunk:" + list + ":" + id }

func chunkID(load string, index int) string { return fmt.Sprintf("%s:%d", load, index) }

// newID names what one load writes, so that concurrent loads never write one key.
func newID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return hex.EncodeToString(b[:])
}

var listName = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

func checkName(list string) error {
	if !listName.MatchString(list) {
		return fmt.Errorf("%q cannot name a list: use up to 64 of a-z, 0-9, '-', '_' and '.', the first a letter or digit", list)
	}
	return nil
}
