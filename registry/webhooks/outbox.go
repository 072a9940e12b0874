package webhooks

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed scripts/put.lua
	putLua string
	//go:embed scripts/take.lua
	takeLua string
	//go:embed scripts/later.lua
	laterLua string
	//go:embed scripts/move.lua
	moveLua string

	putScript   = redis.NewScript(putLua)
	takeScript  = redis.NewScript(takeLua)
	laterScript = redis.NewScript(laterLua)
	moveScript  = redis.NewScript(moveLua)
)

// mostWaiting bounds what waits for one endpoint: with half a kilobyte each, 25 MB in Redis.
const mostWaiting = 50_000

// outbox is what waits for the endpoints.
type outbox struct {
	client redis.UniversalClient
	most   int
}

// letter is one delivery of one event to one endpoint.
type letter struct {
	id, body string
	attempt  int
	age      time.Duration // since it was put into the outbox
}

// addressed is a letter that is to be put into the outbox.
type addressed struct {
	endpoint int // index
	letter
}

// errMoved says that another gate has read these records meanwhile.
var errMoved = errors.New("another gate moved the cursor")

// put writes letters and the cursor behind the records that they tell, all or nothing. It returns how many were left out
// because too many wait.
func (o outbox) put(ctx context.Context, endpoints []*endpoint, bucket int, from, to string, letters []addressed) (leftOut int, err error) {
	keys := []string{keyCursors}
	for _, e := range endpoints {
		keys = append(keys, endpointKeys(e.Name)...)
	}
	args := []any{strconv.Itoa(bucket), from, to, o.most}
	for _, l := range letters {
		args = append(args, l.endpoint, l.id, l.body)
	}
	leftOut, err = putScript.Run(ctx, o.client, keys, args...).Int()
	if err != nil {
		return 0, fmt.Errorf("webhooks: putting into the outbox: %w", err)
	}
	if leftOut < 0 {
		return 0, errMoved
	}
	return leftOut, nil
}

// take leases what is due for an endpoint.
func (o outbox) take(ctx context.Context, endpoint string, most int, lease time.Duration) ([]letter, error) {
	list, err := takeScript.Run(ctx, o.client, endpointKeys(endpoint), most, lease.Milliseconds()).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("webhooks: taking from the outbox: %w", err)
	}
	var letters []letter
	for i := 0; i+3 < len(list); i += 4 {
		attempt, err := strconv.Atoi(list[i+2])
		age, errAge := strconv.ParseInt(list[i+3], 10, 64)
		if err != nil || errAge != nil {
			return nil, errors.New("webhooks: what was taken from the outbox cannot be read")
		}
		letters = append(letters, letter{list[i], list[i+1], attempt, time.Duration(age) * time.Millisecond})
	}
	return letters, nil
}

// remove forgets what was delivered or given up.
func (o outbox) remove(ctx context.Context, endpoint, id string) error {
	pipe := o.client.TxPipeline()
	pipe.ZRem(ctx, keyDue(endpoint), id)
	pipe.HDel(ctx, keyBody(endpoint), id)
	pipe.HDel(ctx, keyTry(endpoint), id)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("webhooks: removing from the outbox: %w", err)
	}
	return nil
}

// later puts off what failed.
func (o outbox) later(ctx context.Context, endpoint, id string, wait time.Duration) error {
	if err := laterScript.Run(ctx, o.client, []string{keyDue(endpoint)}, id, wait.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("webhooks: putting off: %w", err)
	}
	return nil
}

// waiting is how many wait for an endpoint.
func (o outbox) waiting(ctx context.Context, endpoint string) (int, error) {
	n, err := o.client.ZCard(ctx, keyDue(endpoint)).Result()
	if err != nil {
		return 0, fmt.Errorf("webhooks: counting the outbox: %w", err)
	}
	return int(n), nil
}
