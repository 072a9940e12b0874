package model

import (
	"slices"

	"github.com/ringfence/ringfence/gate"
)

// Remember keeps how a number stands in a scope, until Restore.
func (m *Memory) Remember(n gate.Number, scope gate.Scope) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.number(n)
	was := *s.in(scope)
	was.helpers = slices.Clone(was.helpers)
	s.was[scope] = was
}

// Restore makes a number stand as it was remembered; false when it was not.
func (m *Memory) Restore(n gate.Number, scope gate.Scope) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.number(n)
	was, ok := s.was[scope]
	if ok {
		*s.in(scope) = was
		delete(s.was, scope)
	}
	return ok
}
