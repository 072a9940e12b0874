package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// slowWriter blocks until it is let go.
type slowWriter struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	gate   chan struct{}
}

func (w *slowWriter) Write(p []byte) (int, error) {
	<-w.gate
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	return w.text.Write(p)
}

// read is what was written, and in how many writes.
func (w *slowWriter) read() (text string, writes int) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String(), w.writes
}

func TestLineQueueKeepsOrderAndWritesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{gate: make(chan struct{})}
		close(w.gate)
		q := newLineQueue(w)
		var want strings.Builder
		for i := range 100 {
			line := fmt.Sprintf("line %d\n", i)
			want.WriteString(line)
			_, _ = io.WriteString(q, line)
		}
		time.Sleep(2 * gatherFor)
		text, writes := w.read()
		require.Equal(t, want.String(), text)
		require.Equal(t, 1, writes)
		_, _ = io.WriteString(q, "last\n")
		require.NoError(t, q.Close())
		text, _ = w.read()
		require.Equal(t, want.String()+"last\n", text)
	})
}

// A writer that is stuck costs nobody any time; what was lost meanwhile is said when it goes on.
func TestLineQueueNeverWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{gate: make(chan struct{})}
		q := newLineQueue(w)
		began := time.Now()
		_, _ = io.WriteString(q, "first\n")
		time.Sleep(2 * gatherFor) // it is being written now, and stuck
		line := strings.Repeat("x", 1023) + "\n"
		for range queuedBytes/len(line) + 7 {
			_, _ = io.WriteString(q, line)
		}
		require.Equal(t, 2*gatherFor, time.Since(began))
		require.Error(t, q.Close())
		close(w.gate)
		text, _ := w.read()
		require.Contains(t, text, `"lines":7`)
		require.Equal(t, queuedBytes/len(line), strings.Count(text, line))
	})
}
