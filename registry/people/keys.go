package people

// All keys share one slot, so that one script can make a change on a Cluster too. They are read once for each change and
// gate, never for a call.
//
//	rf:{people}:version      number of the last change: the millisecond of it, or one more than the last. No expiry
//	rf:{people}:reps         hash: rep → Person (JSON). No expiry
//	rf:{people}:teams        hash: team → Team (JSON). No expiry
//	rf:{people}:changes      stream: who changed whom and how, see change.lua; the last mostChanges
//	rf:{people}:staged:<id>  what is to take the place of reps: stagedTTL
const (
	keyVersion = "rf:{people}:version"
	keyReps    = "rf:{people}:reps"
	keyTeams   = "rf:{people}:teams"
	keyChanges = "rf:{people}:changes"
)

func stagedKey(id string) string { return "rf:{people}:staged:" + id }
