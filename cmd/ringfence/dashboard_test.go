package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/sip/phone"
)

const dashboard = "../../configs/grafana/supervisors.json"

// panel is what a query needs of a Grafana panel.
type panel struct {
	Title   string
	Targets []struct{ Expr string }
}

func readDashboard(t *testing.T) (uid string, panels []panel) {
	t.Helper()
	var d struct {
		UID           string
		SchemaVersion int
		Panels        []panel
	}
	require.NoError(t, json.Unmarshal([]byte(read(t, dashboard)), &d))
	require.Positive(t, d.SchemaVersion)
	return d.UID, d.Panels
}

// asGrafana fills in what Grafana would before it sends a query.
func asGrafana(expr string) string {
	return strings.NewReplacer("$__rate_interval", "10s", "$__range", "5m", "$instance", ".*").Replace(expr)
}

// TestDashboardAsksForWhatThereIs: every metric that a panel or an alert names is one that the gate exposes.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	exposed := read(t, "../../metrics/testdata/exposition.txt") + "\nringfence_dnc_numbers{\nringfence_dnc_age_seconds{\nringfence_trunk_up{\n"
	uid, panels := readDashboard(t)
	require.Equal(t, "ringfence-supervisors", uid, "links to the dashboard break")
	require.Greater(t, len(panels), 10)
	text := read(t, dashboard)
	for _, elsewhere := range regexp.MustCompile(`"uid": "([^"]*)"`).FindAllStringSubmatch(text, -1) {
		require.Contains(t, []string{"${DS_PROMETHEUS}", uid}, elsewhere[1], "a data source of one installation")
	}
	names := regexp.MustCompile(`ringfence_[a-z_]+`)
	for _, file := range []string{dashboard, "../../configs/prometheus/alerts.yml"} {
		for _, name := range names.FindAllString(read(t, file), -1) {
			require.Regexp(t, `(?m)^`+name+`[ {]`, exposed, "%s asks for %s", file, name)
		}
	}
}

// TestDashboardShowsTraffic runs a real Prometheus beside a gate under traffic; no panel stays empty.
func TestDashboardShowsTraffic(t *testing.T) {
	f := newFloor(t, "rules: {owned: {action: redirect}, claim: {min_talk: 1s}}\n")
	require.NoError(t, os.WriteFile(f.file+".txt", []byte("+12125550666\n"), 0o600))
	require.Zero(t, f.run("dnc", "load", f.file+".txt", "--list", "national").code)
	require.Zero(t, f.run("owner", "claim", "+12125550200", "--rep", "202").code)
	require.Zero(t, f.run("refuse", "+12125550300").code)
	f.serve()
	f.world.At("+12125550102", phone.Reject(486))
	prometheus := startPrometheus(t, f.program.http.Address())

	_, panels := readDashboard(t)
	rep := f.phone("201")
	soon(t, "every panel shows something", func() bool {
		for _, number := range []string{"+12125550101", "+12125550102", "+12125550200", "+12125550300", "+12125550666", "911", "205", "12"} {
			f.call(rep, number)
		}
		for _, p := range panels {
			for _, target := range p.Targets {
				if len(prometheus.query(t, target.Expr)) == 0 {
					return false
				}
			}
		}
		return prometheus.positive(t, panels, "Calls let out", "Calls refused", "Collisions avoided", "Connected to the owner", "Registry")
	})
}

// prometheus is a running server.
type prometheus struct{ base string }

// startPrometheus runs Debian's prometheus; it looks at the gate every second.
func startPrometheus(t *testing.T, target string) prometheus {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	require.NoError(t, err, "prometheus is not installed: apt-get install prometheus")
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	text := strings.NewReplacer("15s", "1s", "127.0.0.1:9090", target, "rule_files: [alerts.yml]", "").
		Replace(read(t, "../../configs/prometheus/prometheus.yml"))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	for range 3 { // between asking for a free port and binding it somebody else may take it
		address := freeAddress(t)
		cmd := exec.Command(binary, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
			"--web.listen-address="+address, "--log.level=error")
		var said notes
		cmd.Stdout, cmd.Stderr = &said, &said
		dieWithParent(cmd)
		require.NoError(t, cmd.Start())
		exited := make(chan struct{})
		go func() { defer close(exited); _ = cmd.Wait() }()
		t.Cleanup(func() { _ = cmd.Process.Kill(); <-exited })
		p := prometheus{"http://" + address}
		if p.ready(exited) {
			return p
		}
		t.Log(said.String())
	}
	require.Fail(t, "prometheus does not start")
	return prometheus{}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// ready waits until the server answers; it says false when the process has ended instead.
func (p prometheus) ready(exited <-chan struct{}) bool {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patient); time.Now().Before(deadline); {
		if resp, err := http.Get(p.base + "/-/ready"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-exited:
			return false
		case <-again.C:
		}
	}
	return false
}

// query evaluates an expression of the dashboard now, and returns its samples.
func (p prometheus) query(t *testing.T, expr string) (values []string) {
	t.Helper()
	resp, err := http.Get(p.base + "/api/v1/query?query=" + url.QueryEscape(asGrafana(expr)))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Equal(t, "success", answer.Status, "%s: %s", expr, answer.Error)
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values
}

// positive says whether the panels with these titles show more than 0.
func (p prometheus) positive(t *testing.T, panels []panel, titles ...string) bool {
	found := 0
	for _, panel := range panels {
		for _, title := range titles {
			if panel.Title == title {
				found++
				if v := p.query(t, panel.Targets[0].Expr); v[0] == "0" || v[0] == "NaN" {
					return false
				}
			}
		}
	}
	require.Equal(t, len(titles), found, "a panel was renamed")
	return true
}

// TestAlerts has promtool run the alerts' own tests, and look at the scrape file and at what the gate exposes.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	require.NoError(t, err, "promtool is not installed: apt-get install prometheus")
	check := func(stdin string, args ...string) {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = "../../configs/prometheus"
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "promtool %v: %s", args, out)
	}
	check("", "check", "config", "prometheus.yml")
	check("", "test", "rules", "alerts_test.yml")
	check(read(t, "../../metrics/testdata/exposition.txt"), "check", "metrics")

	tested := read(t, "../../configs/prometheus/alerts_test.yml")
	for _, m := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(read(t, "../../configs/prometheus/alerts.yml"), -1) {
		require.Contains(t, tested, "{eval_time: 70m, alertname: "+m[1]+"}", "no test that %s is quiet", m[1])
		require.Contains(t, tested, "        alertname: "+m[1]+"\n", "no test that %s fires", m[1])
	}
}
