package registry

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Policy is one version of the rules, from when on gates decided by it. Rules is the `rules:` part of a configuration.
type Policy struct {
	Version string
	Since   time.Time // by the registry's clock
	Rules   string    // YAML; "" in a list
}

// mostPolicies is how many changes of the rules are kept: every day one, for three years.
const mostPolicies = 1000

// maxPolicy bounds the text of one version, in bytes. The rules come from a file of the operator's, which is bounded too.
const maxPolicy = 256 << 10

// ErrNoPolicy means that no gate has told of such rules, or not that long ago.
var ErrNoPolicy = errors.New("these rules are not known to the registry")

// WritePolicy says that a gate decides by these rules from now on. Those that were the last to be told of change nothing.
func (s *Store) WritePolicy(ctx context.Context, version, rules string) error {
	if version == "" || len(rules) > maxPolicy {
		return fmt.Errorf("registry: rules of %d bytes, version %q: a version is needed, and %d bytes are the most", len(rules), note(version), maxPolicy)
	}
	cmd := redis.NewIntCmd(ctx, policyScript.words("eval", policyScript.source, []string{policiesKey, policyTimesKey},
		[]any{identity(version), rules, mostPolicies})...)
	return policyScript.explain(s.client.Process(ctx, once{cmd}))
}

// Policies are the versions that were in force, oldest first, without their rules. One that came back is there again.
func (s *Store) Policies(ctx context.Context) ([]Policy, error) {
	entries, err := s.client.ZRange(ctx, policyTimesKey, 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("registry: policies: %w", err)
	}
	return policiesOf(entries)
}

func policiesOf(entries []string) ([]Policy, error) {
	list := make([]Policy, len(entries))
	for i, entry := range entries {
		ms, version, ok := strings.Cut(entry, sep)
		if !ok {
			return nil, fmt.Errorf("registry: policies: entry %.64q is none", note(entry))
		}
		list[i] = Policy{Version: unescape(version), Since: millis(ms)}
	}
	return list, nil
}

// Policy is one version with its rules, and when it was in force first; ErrNoPolicy when nobody has told of it.
func (s *Store) Policy(ctx context.Context, version string) (Policy, error) {
	rules, err := s.client.HGet(ctx, policiesKey, identity(version)).Result()
	if errors.Is(err, redis.Nil) {
		return Policy{}, ErrNoPolicy
	}
	if err != nil {
		return Policy{}, fmt.Errorf("registry: policy: %w", err)
	}
	list, err := s.Policies(ctx)
	if err != nil {
		return Policy{}, err
	}
	for _, p := range list {
		if p.Version == version {
			p.Rules = rules
			return p, nil
		}
	}
	return Policy{Version: version, Rules: rules}, nil
}

// PolicyAt is what was in force at a time: the last that a gate had begun to decide by before. ErrNoPolicy before the
// first.
func (s *Store) PolicyAt(ctx context.Context, at time.Time) (Policy, error) {
	entries, err := s.client.ZRevRangeByScore(ctx, policyTimesKey,
		&redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(at.UnixMilli(), 10), Count: 1}).Result()
	if err != nil {
		return Policy{}, fmt.Errorf("registry: policy: %w", err)
	}
	list, err := policiesOf(entries)
	if err != nil {
		return Policy{}, err
	}
	if len(list) == 0 {
		return Policy{}, ErrNoPolicy
	}
	p, err := s.Policy(ctx, list[0].Version)
	p.Since = list[0].Since
	return p, err
}
