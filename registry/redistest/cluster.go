package redistest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slots is how many hash slots every Redis Cluster has.
const slots = 16384

// Cluster is a Redis Cluster of masters without replicas.
type Cluster struct{ Nodes []*Server }

// StartCluster runs a cluster of n masters and returns once each of them finds it whole.
func StartCluster(tb testing.TB, n int) *Cluster {
	tb.Helper()
	return startCluster(tb, nil, n)
}

func startCluster(tb testing.TB, env []string, n int, args ...string) *Cluster {
	tb.Helper()
	c := &Cluster{}
	buses := make([]int, n)
	for i := range n {
		// The bus port is port+10000 by default, which a port that the kernel chose may not leave room for.
		buses[i] = freePort(tb)
		c.Nodes = append(c.Nodes, start(tb, env,
			append([]string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(buses[i])}, args...)...))
	}
	for i, node := range c.Nodes {
		node.must("+OK", "CLUSTER ADDSLOTSRANGE %d %d", i*slots/n, (i+1)*slots/n-1)
		if i > 0 {
			c.Nodes[0].must("+OK", "CLUSTER MEET 127.0.0.1 %d %d", node.port, buses[i])
		}
	}
	for _, node := range c.Nodes {
		node.await("the cluster to be whole", func() bool {
			return strings.Contains(node.info("CLUSTER INFO"), "cluster_state:ok") &&
				strings.Contains(node.info("CLUSTER INFO"), fmt.Sprintf("cluster_known_nodes:%d", n))
		})
	}
	return c
}

// URL is how registry.Config.URL names the cluster.
func (c *Cluster) URL() string {
	var hosts []string
	for _, node := range c.Nodes {
		hosts = append(hosts, node.Addr())
	}
	return "redis+cluster://" + strings.Join(hosts, ",")
}

// SentinelURL runs a sentinel that watches master under the name "ringfence" and is how registry.Config.URL names it.
func SentinelURL(tb testing.TB, master *Server) string {
	tb.Helper()
	dir := tb.TempDir()
	conf := filepath.Join(dir, "sentinel.conf")
	port := freePort(tb)
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\nsentinel monitor ringfence 127.0.0.1 %d 1\n", port, master.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, dir: dir, port: port}
	s.cmd = exec.Command("redis-server", conf, "--sentinel", "--logfile", s.logfile())
	if err := s.run(); err != nil {
		tb.Fatalf("sentinel did not start: %v\n%s", err, s.Log())
	}
	tb.Cleanup(s.Stop)
	return "redis+sentinel://" + s.Addr() + "/ringfence"
}

// must sends one command and fails the test unless the reply begins as wanted.
func (s *Server) must(want, format string, args ...any) {
	s.tb.Helper()
	line := fmt.Sprintf(format, args...)
	if reply, err := s.command(line); err != nil || !strings.HasPrefix(reply, want) {
		s.tb.Fatalf("%s: %s %v", line, reply, err)
	}
}

// info is a command's whole reply, "" when there is none.
func (s *Server) info(line string) string {
	reply, err := s.command(line)
	if err != nil {
		return ""
	}
	return reply
}

func (s *Server) await(what string, done func() bool) {
	s.tb.Helper()
	for deadline := time.Now().Add(startWithin); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.tb.Fatalf("waited %v in vain for %s\n%s", startWithin, what, s.Log())
		}
	}
}
