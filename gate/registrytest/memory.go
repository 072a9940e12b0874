// Package registrytest holds every implementation of gate.Registry to one contract (Run), and names the simplest one that
// keeps it for tests of what stands before the registry.
package registrytest

import (
	"time"

	"github.com/ringfence/ringfence/gate/model"
)

// Memory is a registry in this process's memory.
type Memory = model.Memory

// Record is one line of a number's history.
type Record = model.Record

// ErrAsleep is what Memory answers during an outage that it was put into by Fail.
var ErrAsleep = model.ErrAsleep

// NewMemory makes an empty registry with the given clock; nil means time.Now.
func NewMemory(now func() time.Time) *Memory { return model.NewMemory(now) }
