package webhooks

import (
	"fmt"
	"strings"
)

// Every key is named here. All lie in one slot, so that one script moves a delivery on a Cluster too.
//
//	rf:{webhooks}:cursors      hash    bucket → id of the last record that was looked at
//	rf:{webhooks}:reader       string  the gate that reads the records: its lease
//	rf:{webhooks}:due:<name>   sorted  deliveries that wait for an endpoint, by the time of the next attempt, ms
//	rf:{webhooks}:body:<name>  hash    delivery → what is posted
//	rf:{webhooks}:try:<name>   hash    delivery → attempts SEP time it was put here, ms
//
// A delivery is named by the record it tells: b<bucket>-<id of the record>. What waits for an endpoint that is no longer
// configured stays until it is configured again, or somebody deletes these keys.
const (
	keyTag     = "rf:{webhooks}:"
	keyCursors = keyTag + "cursors"
	keyReader  = keyTag + "reader"
)

func keyDue(endpoint string) string  { return keyTag + "due:" + endpoint }
func keyBody(endpoint string) string { return keyTag + "body:" + endpoint }
func keyTry(endpoint string) string  { return keyTag + "try:" + endpoint }

func endpointKeys(endpoint string) []string {
	return []string{keyDue(endpoint), keyBody(endpoint), keyTry(endpoint)}
}

const sep = "\x1f"

func deliveryID(bucket int, record string) string {
	return fmt.Sprintf("b%04d-%s", bucket, strings.ReplaceAll(record, sep, ""))
}
