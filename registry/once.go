package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ringfence/ringfence/gate"
)

// onceFor is how long a mark is kept that something was done. Whoever was interrupted comes back sooner.
const onceFor = 7 * 24 * time.Hour

// RecordOnce writes a record of what happened to a number elsewhere than in its bucket, once for each mark: whoever was
// interrupted may write it again. Of r its Kind, Reason, Owner, Rep, Number, Note, Scope and Detail count.
func (s *Store) RecordOnce(ctx context.Context, mark string, r Record) error {
	letter := ""
	for l, kind := range recordKinds {
		if kind == r.Kind {
			letter = l
		}
	}
	if letter == "" || r.Number == "" {
		return errors.New("registry: such a record is of a known kind and of a number")
	}
	k := keysOf(r.Number.Digits())
	rest := pack(letter, "", note(r.Reason), identity(string(r.Owner)), identity(string(r.Rep)), adminFields(k.digits),
		"", "", "", "", "", note(r.Note), identity(string(r.Scope)), Detail(pairsOf(r.Detail)...))
	cmd := redis.NewIntCmd(ctx, notedScript.command([]string{k.stream(), k.written(attemptID(k.digits, mark, "")), k.number()},
		rest, milliseconds(onceFor), milliseconds(s.keep))...)
	err := s.client.Process(ctx, once{cmd})
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		if err = loadScripts(ctx, s.client); err == nil {
			return s.RecordOnce(ctx, mark, r)
		}
	}
	return notedScript.explain(err)
}

// pairsOf lists keys and values in turn, sorted.
func pairsOf(m map[string]string) (pairs []string) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		pairs = append(pairs, k, m[k])
	}
	return pairs
}

// Cause is what makes somebody change the registry in another's name.
type Cause struct {
	By     string // for the records, in the operator's place
	Detail string // for the records, such as "request=r17"
	Mark   string // a change with the same mark is made once for each number: made again, it says how the number stands
}

// For is the same registry for changes that have a cause.
func (s *Store) For(c Cause) *Store {
	caused := *s
	caused.cause = c
	if c.By != "" {
		caused.operator = c.By
	}
	return &caused
}

// Operator is who changes the registry, by the records.
func (s *Store) Operator() string { return s.operator }

// onceLua begins what a script does once: its body stands between the two. The mark is the last key and holds the outcome
// of the first time; only what was done leaves it, so that what was refused can be tried again.
const (
	onceLua = `local function body()
`
	onceEndLua = `
end
local mark = KEYS[#KEYS]
local before = redis.call('GET', mark)
if before then return state(before, KEYS[1], (clock())) end
local told = body()
local outcome = string.match(told[1], '^%l+')
if outcome == 'done' or outcome == 'made' or outcome == 'pooled' then
  redis.call('SET', mark, told[1], 'PX', %MS%)
end
return told`
)

// onceOf is the variant of an administrative script that runs once for each mark.
func onceOf(sc script) script {
	body := strings.TrimPrefix(sc.source, prelude+"\n")
	end := strings.ReplaceAll(onceEndLua, "%MS%", milliseconds(onceFor))
	return newScript(sc.name, onceLua+body+end)
}

// AlreadyDone says whether what this cause brings about was done to a number before.
func (s *Store) AlreadyDone(ctx context.Context, n gate.Number) (bool, error) {
	found, err := s.client.Exists(ctx, onceKey(n, s.cause.Mark)).Result()
	if err != nil {
		return false, fmt.Errorf("registry: %w", err)
	}
	return found > 0, nil
}

// onceKey is where a mark is kept: in the bucket of the number.
func onceKey(n gate.Number, mark string) string {
	k := keysOf(n.Digits())
	return k.written(attemptID(k.digits, mark, "once"))
}
