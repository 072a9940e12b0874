// Package webhooks tells other systems what happened: it follows the records that every script writes, in the buckets'
// streams, and posts those that an endpoint asked for, signed, until the endpoint says that it has them. No call waits
// for any of it: whoever decides and writes does not know that there are webhooks.
//
//	tail     one gate at a time reads new records of all buckets and puts what is wanted into the outbox
//	outbox   what waits for each endpoint, in Redis, in one slot: rf:{webhooks}
//	deliver  every gate takes what is due, on a lease, and posts it
package webhooks
