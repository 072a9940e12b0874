package registrytest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/gate/registrytest"
)

// clock is a time that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestMemory(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registrytest.Subject {
		c := &clock{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
		m := registrytest.NewMemory(c.Now)
		return registrytest.Subject{
			Registry: m,
			Advance:  c.Advance,
			Records:  func(n gate.Number) int { return len(m.Records(n)) },
			Share:    m.Share,
			Grant:    m.Grant,
			Sleep:    m.Sleep,
			Wake:     m.Wake,
		}
	})
}
