package registry

import (
	"fmt"

	"github.com/alicebob/miniredis/v2"
)

// embeddedServer is a Redis inside this process, on a loopback port the kernel chose. It keeps nothing: for the demo
// and for trying things out.
type embeddedServer struct{ server *miniredis.Miniredis }

func startEmbedded() (*embeddedServer, error) {
	server := miniredis.NewMiniRedis()
	server.ClockTTL(true) // keys expire by the clock, as in a real server, and not only when told to
	if err := server.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("registry: the embedded server cannot listen on loopback: %w", err)
	}
	return &embeddedServer{server}, nil
}

func (e *embeddedServer) place() place {
	return place{topology: single, network: "tcp", hosts: []string{e.server.Addr()}}
}

// close does nothing when there is no embedded server.
func (e *embeddedServer) close() {
	if e != nil {
		e.server.Close()
	}
}
