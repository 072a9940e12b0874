package main

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: a program that was stopped leaves no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
