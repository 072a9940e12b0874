// Package ringfence holds no code; this test holds the arrows between the packages that do.
package ringfence

import (
	"bytes"
	"encoding/json"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/ringfence/ringfence/"

// arrows say which parts of the house a part may import. A part is a folder with all that is under it; what is under it
// may import its own part. cmd wires everything and may import all.
var arrows = []struct {
	part    string
	imports []string
	reason  string
}{
	{"gate", nil, "the decision is pure: it can be read, tested and fuzzed without a network"},
	{"registry", []string{"gate"}, "it implements the one interface that gate declares, and sees a call as plain strings"},
	{"metrics", []string{"gate"}, "it counts in the gate's words; those who know SIP or Redis call it"},
	{"sip", []string{"gate", "metrics"}, "a proxy that never meets Redis works the same whatever keeps the company's knowledge"},
}

// homes say where a library may be used; the rest of the house must not notice when it is replaced.
var homes = []struct {
	library string
	parts   []string
	reason  string
}{
	{"github.com/redis/go-redis", []string{"registry"}, "Redis is one way to keep a registry"},
	{"github.com/alicebob/miniredis", []string{"registry"}, "the embedded server is a registry.url like any other"},
	{"github.com/emiago/sipgo", []string{"sip"}, "its parser is lenient: what comes off the wire passes our own reader first"},
	{"github.com/miekg/dns", []string{"sip", "test"}, "who is called by name is looked up in one place, off a call's way"},
	{"github.com/prometheus", []string{"metrics"}, "label sets are closed in one place, where a test counts them"},
	{"github.com/nyaruka/phonenumbers", []string{"gate"}, "one normaliser reads numbers for calls and lists alike"},
	{"github.com/spf13", []string{"cmd"}, "flags belong to the program, not to its parts"},
	{"go.yaml.in/yaml", []string{"cmd"}, "one loader gives every mistake its line; the parts only validate"},
}

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func packages(t *testing.T) []pkg {
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	require.NoError(t, err, "go list must work here: is go on the PATH?")
	var all []pkg
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		err := decoder.Decode(&p)
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		all = append(all, p)
	}
}

// partOf is the folder under the root of the house that an import path leads to; "" when it leads outside.
func partOf(path string) string {
	rest, ours := strings.CutPrefix(path, module)
	if !ours {
		return ""
	}
	part, _, _ := strings.Cut(rest, "/")
	return part
}

func TestArrows(t *testing.T) {
	seen := make(map[string]bool)
	for _, p := range packages(t) {
		part := partOf(p.ImportPath)
		seen[part] = true
		for _, arrow := range arrows {
			if arrow.part != part {
				continue
			}
			for _, path := range p.Imports {
				if to := partOf(path); to != "" && to != part && !slices.Contains(arrow.imports, to) {
					t.Errorf("%s imports %s; %s may import %v only: %s", p.ImportPath, path, part, arrow.imports, arrow.reason)
				}
			}
		}
	}
	for _, arrow := range arrows {
		require.True(t, seen[arrow.part], "there is no package %s any more", arrow.part)
	}
}

// TestGateIsPure: outside the standard library the decision knows the phone-number library and nothing else.
func TestGateIsPure(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != module+"gate" {
			continue
		}
		require.NotEmpty(t, p.Imports)
		for _, path := range p.Imports {
			host, _, _ := strings.Cut(path, "/")
			outside := strings.Contains(host, ".")
			require.False(t, outside && path != "github.com/nyaruka/phonenumbers", "gate imports %s", path)
			require.NotContains(t, []string{"net", "net/http", "os", "database/sql"}, path, "gate imports %s", path)
		}
		return
	}
	t.Fatal("no package gate")
}

func TestHomes(t *testing.T) {
	used := make(map[string]bool)
	for _, p := range packages(t) {
		for _, path := range p.Imports {
			for _, home := range homes {
				if path != home.library && !strings.HasPrefix(path, home.library+"/") {
					continue
				}
				used[home.library] = true
				if !slices.Contains(home.parts, partOf(p.ImportPath)) {
					t.Errorf("%s imports %s, whose home is %v: %s", p.ImportPath, path, home.parts, home.reason)
				}
			}
		}
	}
	for _, home := range homes {
		require.True(t, used[home.library], "nobody uses %s any more", home.library)
	}
}

// TestTestsKeepTheArrows: tests may use helpers of other parts, but the gate's must not need a network.
func TestTestsKeepTheArrows(t *testing.T) {
	for _, p := range packages(t) {
		if partOf(p.ImportPath) != "gate" {
			continue
		}
		for _, path := range append(p.TestImports, p.XTestImports...) {
			to := partOf(path)
			require.True(t, to == "" || to == "gate", "the tests of %s import %s", p.ImportPath, path)
		}
	}
}
