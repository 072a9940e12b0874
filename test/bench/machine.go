package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// machine is what the figures hold for.
type machine struct {
	when     time.Time
	cpu      string // model
	cores    int
	kernel   string
	versions []string
}

func thisMachine(ctx context.Context) (m machine, err error) {
	m = machine{when: time.Now(), cores: runtime.NumCPU(), versions: []string{"Go " + strings.TrimPrefix(runtime.Version(), "go")}}
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	m.cpu = modelName(string(info))
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, err
	}
	m.kernel = strings.TrimSpace(string(release))
	for _, program := range []struct{ name, command, flag string }{
		{"Redis", "redis-server", "--version"}, {"Kamailio", "/usr/sbin/kamailio", "-v"}, {"SIPp", "sipp", "-v"},
	} {
		said, err := exec.CommandContext(ctx, program.command, program.flag).CombinedOutput() // sipp -v ends with 99
		version := versionIn(string(said))
		if version == "" {
			return m, fmt.Errorf("%s %s does not tell its version: %w; `make tools` installs what is missing", program.command, program.flag, err)
		}
		m.versions = append(m.versions, program.name+" "+version)
	}
	return m, nil
}

func (m machine) String() string {
	return fmt.Sprintf("%s, %d cores %s, Linux %s, %s", m.when.UTC().Format("2006-01-02 15:04 MST"), m.cores, m.cpu, m.kernel, strings.Join(m.versions, ", "))
}

// modelName finds the CPU's in /proc/cpuinfo.
func modelName(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "of an unknown model (" + runtime.GOARCH + ")"
}

var versionPattern = regexp.MustCompile(`\d+\.\d+\.\d+`)

func versionIn(text string) string { return versionPattern.FindString(text) }
