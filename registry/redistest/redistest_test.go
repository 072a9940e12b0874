package redistest

import (
	"strings"
	"testing"
)

func TestLifeOfAServer(t *testing.T) {
	s := Start(t)
	s.must("+OK", "SET colour red")
	s.Freeze()
	if reply, err := s.command("PING"); err == nil {
		t.Fatalf("a frozen server answered %q", reply)
	}
	s.Thaw()
	s.must("$3\r\nred", "GET colour")
	s.Stop()
	s.Stop()
	if _, err := s.command("PING"); err == nil {
		t.Fatal("a stopped server answered")
	}
	s.Restart()
	s.must("$-1", "GET colour") // nothing is kept
}

func TestClusterIsWhole(t *testing.T) {
	c := StartCluster(t, 3)
	if len(c.Nodes) != 3 || strings.Count(c.URL(), ",") != 2 {
		t.Fatalf("%d nodes, %s", len(c.Nodes), c.URL())
	}
}
