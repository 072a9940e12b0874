package requests

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// Show reads one request.
func (b *Book) Show(ctx context.Context, id string) (Request, error) {
	if !isRequestID(id) {
		return Request{}, ErrNone
	}
	fields, err := b.Client.HGetAll(ctx, keyRequest(id)).Result()
	if err != nil {
		return Request{}, fmt.Errorf("requests: reading %s: %w", id, err)
	}
	if len(fields) == 0 {
		return Request{}, ErrNone
	}
	return requestOf(id, fields)
}

// Filter chooses what List returns. Its zero value chooses all.
type Filter struct {
	State  State
	Rep    gate.Rep    // who asks
	Number gate.Number // what about
	Most   int         // newest first; 0: 1,000
}

// most is what List returns at most, unless told less.
const most = 1000

// index is the set that holds the least and still all of what is chosen.
func (f Filter) index() string {
	switch {
	case f.Number != "":
		return keyNumber(f.Number.Digits())
	case f.Rep != "":
		return keyRep(string(f.Rep))
	case f.State == Open:
		return keyOpen
	}
	return keyAll
}

func (f Filter) takes(r Request) bool {
	return (f.State == "" || f.State == r.State) && (f.Rep == "" || f.Rep == r.Rep) && (f.Number == "" || f.Number == r.Number)
}

// List reads requests, the newest first.
func (b *Book) List(ctx context.Context, f Filter) ([]Request, error) {
	if f.Most <= 0 || f.Most > most {
		f.Most = most
	}
	var found []Request
	const page = 200
	for from := int64(0); ; from += page {
		ids, err := b.Client.ZRevRange(ctx, f.index(), from, from+page-1).Result()
		if err != nil {
			return nil, fmt.Errorf("requests: listing: %w", err)
		}
		requests, err := b.read(ctx, ids)
		if err != nil {
			return nil, err
		}
		for _, r := range requests {
			if f.takes(r) && len(found) < f.Most {
				found = append(found, r)
			}
		}
		if len(ids) < page || len(found) == f.Most {
			return found, nil
		}
	}
}

// read reads several in one round trip; those that are no longer kept are left out.
func (b *Book) read(ctx context.Context, ids []string) ([]Request, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	pipe := b.Client.Pipeline()
	cmds := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HGetAll(ctx, keyRequest(id))
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("requests: listing: %w", err)
	}
	var requests []Request
	for i, cmd := range cmds {
		if len(cmd.Val()) == 0 {
			continue
		}
		r, err := requestOf(ids[i], cmd.Val())
		if err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	return requests, nil
}

// parse reads the field and value pairs of a script's answer.
func parse(id string, list []string) (Request, error) {
	fields := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		fields[list[i]] = list[i+1]
	}
	return requestOf(id, fields)
}

// requestOf reads the fields of a request's hash.
func requestOf(id string, f map[string]string) (Request, error) {
	broken := false
	whole := func(field string) int64 {
		n, err := strconv.ParseInt(f[field], 10, 64)
		broken = broken || err != nil || n < 0
		return n
	}
	at := func(field string) time.Time { return time.UnixMilli(whole(field)) }
	r := Request{
		ID: id, Kind: Kind(f["kind"]), State: State(f["state"]), Number: gate.Number("+" + f["number"]), Scope: gate.Scope(f["scope"]),
		Rep: gate.Rep(f["rep"]), To: gate.Rep(f["to"]), Percent: int(whole("percent")), For: time.Duration(whole("for")) * time.Millisecond,
		Reason: f["reason"], Owner: gate.Rep(f["owner"]), Steps: strings.Split(f["steps"], ","), At: int(whole("at")),
		Opened: at("opened"), Due: at("due"), Expires: at("expires"), Failure: f["failure"],
	}
	for i := range whole("answers") {
		a := strings.SplitN(f["a"+strconv.FormatInt(i, 10)], sep, 5)
		if len(a) != 5 {
			broken = true
			break
		}
		ms, err := strconv.ParseInt(a[3], 10, 64)
		broken = broken || err != nil
		r.Answers = append(r.Answers, Answer{What: a[0], Step: a[1], By: a[2], At: time.UnixMilli(ms), Reason: a[4]})
	}
	if broken {
		return Request{}, fmt.Errorf("requests: %s cannot be read; was it written by a newer release?", id)
	}
	return r, nil
}
