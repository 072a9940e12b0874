package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/registry/redistest"
	"github.com/ringfence/ringfence/sip/phone"
)

// TestRedisConfiguration: with configs/redis/ringfence.conf its ACL user can do all that gates and commands do, and the
// checks at start-up find nothing to complain of.
func TestRedisConfiguration(t *testing.T) {
	conf, err := filepath.Abs("../../configs/redis/ringfence.conf")
	require.NoError(t, err)
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("change-me\n"), 0o600))

	f := &floor{t: t, redis: redistest.Start(t, "--include", conf), log: &notes{}, file: filepath.Join(t.TempDir(), "ringfence.yaml")}
	f.world, err = phone.NewCallee("127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.world.Close()) })
	f.write("rules: {claim: {min_talk: 1s}}\n")
	user := []string{"--set", "registry.username=ringfence", "--set", "registry.password_file=" + password}

	denied := f.run("refusal", "list")
	require.Equal(t, 1, denied.code, "without a password")

	list := filepath.Join(t.TempDir(), "list.txt")
	require.NoError(t, os.WriteFile(list, []byte("+12125550666\n+12125550667\n"), 0o600))
	staff := filepath.Join(t.TempDir(), "staff.csv")
	rows := "id\n"
	for i := range 300 {
		rows += strconv.Itoa(1000+i) + "\n"
	}
	require.NoError(t, os.WriteFile(staff, []byte(rows), 0o600))
	for _, args := range [][]string{
		{"owner", "claim", "+12125550100", "--rep", "201"},
		{"owner", "show", "+12125550100"},
		{"owner", "transfer", "+12125550100", "--to", "202"},
		{"owner", "release", "+12125550100"},
		{"refuse", "+12125550101"},
		{"refusal", "list"},
		{"refusal", "lift", "+12125550101"},
		{"dnc", "add", "+12125550102"},
		{"dnc", "lists"},
		{"dnc", "remove", "+12125550102"},
		{"dnc", "load", list, "--list", "national"},
		{"dnc", "remove", "+12125550666", "--list", "national"},
		{"dnc", "load", list, "--list", "national"},
		{"dnc", "rollback", "--list", "national"},
		{"history", "+12125550100"},
		{"check", "+12125550100", "--rep", "201"},
		{"rep", "load", staff}, // so many that they are staged
		{"rep", "show", "1001"},
		{"rep", "remove", "1001"},
		{"team", "add", "east"},
	} {
		got := f.run(append(args, user...)...)
		require.Zero(t, got.code, "%v: %s", args, got.stderr)
	}

	f.write("rules: {claim: {min_talk: 1s}}\n")
	f.serveWith("registry.username=ringfence", "registry.password_file="+password)
	call := dial(t, f.phone("201"), "+12125550103")
	soon(t, "the call makes its rep the owner", func() bool {
		got := f.run(append([]string{"owner", "show", "+12125550103"}, user...)...)
		return regexp.MustCompile(`\+12125550103 +- +201 `).MatchString(got.stdout)
	})
	require.NoError(t, call.Hangup(t.Context()))
	require.NotContains(t, f.log.String(), "NOPERM")
	require.NotContains(t, f.log.String(), `"severity":`)
	require.NotContains(t, f.log.String(), "change-me")
}

// TestUnitIsHardened asks systemd's own judgement of the service file.
func TestUnitIsHardened(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	require.NoError(t, err, "systemd-analyze is not installed: apt-get install systemd")
	out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", "../../configs/systemd/ringfence.service").CombinedOutput()
	require.NoError(t, err, string(out))
	m := regexp.MustCompile(`Overall exposure level for ringfence.service: ([0-9.]+)`).FindStringSubmatch(string(out))
	require.NotNil(t, m, string(out))
	exposure, err := strconv.ParseFloat(m[1], 64)
	require.NoError(t, err)
	require.LessOrEqual(t, exposure, 1.5, string(out))
}
