package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning" // something may be lost in an outage
	SeverityUnsafe  Severity = "unsafe"  // decisions may be wrong
)

// Finding is one thing the start-up checks found.
type Finding struct {
	Severity Severity
	What     string
	Fix      string // what to do about it
}

// oldestRedis is the first version with everything the scripts use (trim in prelude.lua makes up for what 6.0 lacks).
const oldestRedis = "6.0"

// StartupChecks asks the server whether it is fit to hold the truth. An empty answer means that nothing is wrong. On a
// Cluster one server is asked.
func (s *Store) StartupChecks(ctx context.Context) []Finding {
	if s.Embedded() {
		return []Finding{{
			SeverityInfo, "the registry is embedded in this process and keeps nothing",
			"for anything but a trial set registry.url to a Redis",
		}}
	}
	found := s.checkScripts(ctx)
	info, err := s.client.Info(ctx).Result()
	if err != nil {
		return append(found, Finding{
			SeverityWarning, fmt.Sprintf("INFO is refused (%v): version and memory are unknown", err),
			"allow it: ACL SETUSER <user> +info",
		})
	}
	facts := infoFields(info)
	found = append(found, checkVersion(facts["redis_version"])...)
	found = append(found, checkMemory(facts)...)
	found = append(found, checkRole(facts)...)
	return append(found, s.checkConfig(ctx, facts)...)
}

// checkScripts runs a script by EVAL and then by EVALSHA, as decisions do.
func (s *Store) checkScripts(ctx context.Context) []Finding {
	keys := []string{keysOf("00000").number()}
	for _, words := range [][]any{
		holdingScript.words("eval", holdingScript.source, keys, nil),
		holdingScript.words("evalsha", holdingScript.sha, keys, nil),
	} {
		if err := s.client.Do(ctx, words...).Err(); err != nil {
			return []Finding{{
				SeverityUnsafe, fmt.Sprintf("the server does not run the registry's scripts: %v", err),
				"allow them: ACL SETUSER <user> ~rf:* +eval +evalsha +script|load, and the data commands they use",
			}}
		}
	}
	return nil
}

func checkVersion(version string) []Finding {
	if version == "" || !olderThan(version, oldestRedis) {
		return nil
	}
	return []Finding{{
		SeverityUnsafe, fmt.Sprintf("Redis %s is too old: the scripts need %s", version, oldestRedis),
		"upgrade Redis, or use Valkey",
	}}
}

// olderThan compares dotted versions number by number.
func olderThan(version, than string) bool {
	have, want := strings.Split(version, "."), strings.Split(than, ".")
	for i, text := range want {
		w, _ := strconv.Atoi(text)
		h := 0
		if i < len(have) {
			h, _ = strconv.Atoi(have[i])
		}
		if h != w {
			return h < w
		}
	}
	return false
}

// almostFull is the share of maxmemory above which the server has little left.
const almostFull = 0.8

func checkMemory(facts map[string]string) []Finding {
	var found []Finding
	if policy := facts["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		found = append(found, Finding{
			SeverityUnsafe,
			fmt.Sprintf("maxmemory-policy is %s: Redis may throw a do-not-call entry or a refusal away, and the call goes out", policy),
			"CONFIG SET maxmemory-policy noeviction, and in redis.conf",
		})
	}
	limit, _ := strconv.ParseFloat(facts["maxmemory"], 64)
	used, _ := strconv.ParseFloat(facts["used_memory"], 64)
	if limit > 0 && used > almostFull*limit {
		found = append(found, Finding{
			SeverityWarning,
			fmt.Sprintf("Redis uses %.0f %% of its maxmemory; when it is full, no call can be reserved", 100*used/limit),
			"raise maxmemory, or shorten records.keep",
		})
	}
	return found
}

func checkRole(facts map[string]string) []Finding {
	if role := facts["role"]; role != "" && role != "master" {
		return []Finding{{
			SeverityUnsafe, "this server is a replica: nothing can be reserved on it",
			"point registry.url at the master, or use redis+sentinel://",
		}}
	}
	return nil
}

// checkConfig looks at what is kept on disk. Managed services often refuse CONFIG: INFO then has to do.
func (s *Store) checkConfig(ctx context.Context, facts map[string]string) []Finding {
	if facts["aof_enabled"] == "1" {
		return checkAOF(facts)
	}
	save, err := s.client.ConfigGet(ctx, "save").Result()
	switch {
	case err != nil:
		return []Finding{{
			SeverityInfo, "CONFIG is refused, so it is unknown whether owners and refusals outlive a restart of Redis",
			"see to it that appendonly is on, or snapshots are taken",
		}}
	case save["save"] == "":
		return []Finding{{
			SeverityWarning, "Redis keeps nothing on disk: owners, refusals and records are gone when it restarts",
			"CONFIG SET appendonly yes (appendfsync everysec), and in redis.conf",
		}}
	}
	return []Finding{{
		SeverityInfo, fmt.Sprintf("Redis keeps snapshots only (save %q): the last minutes are lost in a crash", save["save"]),
		"CONFIG SET appendonly yes to lose no more than a second",
	}}
}

func checkAOF(facts map[string]string) []Finding {
	if status := facts["aof_last_write_status"]; status != "" && status != "ok" {
		return []Finding{{
			SeverityUnsafe, "Redis could not write its append-only file: " + status,
			"free disk space and look into Redis's log; it refuses writes meanwhile",
		}}
	}
	return nil
}

// infoFields reads the "name:value" lines of INFO.
func infoFields(info string) map[string]string {
	facts := make(map[string]string)
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			facts[name] = value
		}
	}
	return facts
}
