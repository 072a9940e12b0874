package registry

import (
	"context"
	"crypto/sha1" // the name Redis gives a script
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// script is a Lua program with the prelude in front. It runs by EVALSHA, and by EVAL once the server has forgotten it.
type script struct {
	name, source, sha string
}

func newScript(name, body string) script {
	source := prelude + "\n" + body
	sum := sha1.Sum([]byte(source))
	return script{name, source, hex.EncodeToString(sum[:])}
}

var (
	//go:embed scripts/prelude.lua
	prelude string
	//go:embed scripts/ownership.lua
	ownershipLua string
)

// newOwnershipScript is newScript for a script that changes an ownership.
func newOwnershipScript(name, body string) script { return newScript(name, ownershipLua+"\n"+body) }

// The bodies, one round trip each.
var (
	//go:embed scripts/decide.lua
	decideLua string
	//go:embed scripts/event.lua
	eventLua string
	//go:embed scripts/noted.lua
	notedLua string
	//go:embed scripts/renew.lua
	renewLua string
	//go:embed scripts/holding.lua
	holdingLua string
	//go:embed scripts/owner.lua
	ownerLua string
	//go:embed scripts/share.lua
	shareLua string
	//go:embed scripts/protect.lua
	protectLua string
	//go:embed scripts/pass.lua
	passLua string
	//go:embed scripts/reserve.lua
	reserveLua string
	//go:embed scripts/settle.lua
	settleLua string
	//go:embed scripts/drop.lua
	dropLua string
	//go:embed scripts/dealt.lua
	dealtLua string
	//go:embed scripts/stage.lua
	stageLua string
	//go:embed scripts/refusal.lua
	refusalLua string
	//go:embed scripts/listing.lua
	listingLua string
	//go:embed scripts/policy.lua
	policyLua string
	//go:embed scripts/history.lua
	historyLua string
	//go:embed scripts/customer.lua
	customerLua string
	//go:embed scripts/customerowner.lua
	customerOwnerLua string
	//go:embed scripts/copy.lua
	copyLua string
	//go:embed scripts/untie.lua
	untieLua string
	//go:embed scripts/journal.lua
	journalLua string
	//go:embed scripts/errand.lua
	errandLua string
	//go:embed scripts/sealed.lua
	sealedLua string
)

var (
	decideScript  = newScript("decide", decideLua)
	eventScript   = newOwnershipScript("event", eventLua)
	notedScript   = newScript("noted", notedLua)
	renewScript   = newScript("renew", renewLua)
	holdingScript = newScript("holding", holdingLua)
	ownerScript   = newOwnershipScript("owner", ownerLua)
	shareScript   = newOwnershipScript("share", shareLua)
	protectScript = newOwnershipScript("protect", protectLua)
	passScript    = newScript("pass", passLua)
	reserveScript = newScript("reserve", reserveLua)
	settleScript  = newScript("settle", settleLua)
	dropScript    = newScript("drop", dropLua)
	dealtScript   = newScript("dealt", dealtLua)
	stageScript   = newOwnershipScript("stage", stageLua)
	refusalScript = newScript("refusal", refusalLua)
	listingScript = newScript("listing", listingLua)
	policyScript  = newScript("policy", policyLua)
	historyScript = newScript("history", historyLua)
	errandScript  = newScript("errand", errandLua)
	sealedScript  = newScript("sealed", sealedLua)

	customerScript      = newScript("customer", customerLua)
	customerOwnerScript = newScript("customerowner", customerOwnerLua)
	copyScript          = newOwnershipScript("copy", copyLua)
	untieScript         = newScript("untie", untieLua)
	journalScript       = newScript("journal", journalLua)

	scripts = []script{
		customerScript, customerOwnerScript, copyScript, untieScript, journalScript,
		decideScript, eventScript, notedScript, renewScript,
		holdingScript, ownerScript, shareScript, protectScript, stageScript, passScript,
		reserveScript, settleScript, dropScript, dealtScript, refusalScript, listingScript, historyScript,
		errandScript, sealedScript,
		recycleScript, reckonScript, warnScript, turnScript, changedScript,
		planScript, handoverScript, takebackScript,
	}
)

// once keeps a Cluster client from sending a command again after a network error: it may have run. Redirections, which
// say that it did not run, are still followed.
type once struct{ redis.Cmder }

// NoRetry overrides the command's own.
func (once) NoRetry() bool { return true }

// command is the whole EVALSHA, ready for NewCmd and its kin.
func (s script) command(keys []string, args ...any) []any {
	return s.words("evalsha", s.sha, keys, args)
}

func (s script) words(verb, program string, keys []string, args []any) []any {
	words := make([]any, 0, 3+len(keys)+len(args))
	words = append(words, verb, program, strconv.Itoa(len(keys)))
	for _, k := range keys {
		words = append(words, k)
	}
	return append(words, args...)
}

// text runs the script once and returns its one string. The second EVAL only follows when the server did not know the
// script, so it is no retry: nothing ran before.
func (s script) text(ctx context.Context, ask func(context.Context, *redis.StringCmd) error, keys []string, args ...any) (string, error) {
	cmd := redis.NewStringCmd(ctx, s.command(keys, args...)...)
	err := ask(ctx, cmd)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") { // HasErrorPrefix allocates
		cmd = redis.NewStringCmd(ctx, s.words("eval", s.source, keys, args)...)
		err = ask(ctx, cmd)
	}
	if err != nil {
		return "", s.explain(err) // and not cmd's value: it may still be under way
	}
	return cmd.Val(), nil
}

// slice is text for scripts that return a list.
func (s script) slice(ctx context.Context, client redis.UniversalClient, keys []string, args ...any) ([]any, error) {
	cmd := redis.NewSliceCmd(ctx, s.command(keys, args...)...)
	err := client.Process(ctx, once{cmd})
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		cmd = redis.NewSliceCmd(ctx, s.words("eval", s.source, keys, args)...)
		err = client.Process(ctx, once{cmd})
	}
	return cmd.Val(), s.explain(err)
}

func (s script) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("registry: %s: %w", s.name, err)
}

// loadScripts hands every script to every server that may be asked to run it: pipelines cannot fall back to EVAL.
func loadScripts(ctx context.Context, client redis.UniversalClient) error {
	load := func(ctx context.Context, c redis.Cmdable) error {
		pipe := c.Pipeline()
		for _, s := range scripts {
			pipe.ScriptLoad(ctx, s.source)
		}
		_, err := pipe.Exec(ctx)
		return err
	}
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return load(ctx, c) })
	} else {
		err = load(ctx, client)
	}
	if err != nil {
		return fmt.Errorf("registry: loading the scripts: %w", err)
	}
	return nil
}
