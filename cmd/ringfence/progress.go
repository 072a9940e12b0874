package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// bar shows how far a load is: a progress bar on a terminal; otherwise a plain line every few seconds.
type bar struct {
	drawn *progressbar.ProgressBar // nil when nobody is looking
	out   io.Writer
	what  string
	next  time.Time // of the plain line
}

// plainEvery is how often a plain line tells that a long load goes on.
const plainEvery = 5 * time.Second

func (sh *shell) progress(what string, total int64, bytes bool) *bar {
	b := &bar{out: sh.stderr, what: what, next: time.Now().Add(plainEvery)}
	if isTerminal(sh.stderr) {
		b.drawn = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(sh.stderr),
			progressbar.OptionSetDescription(what),
			progressbar.OptionShowBytes(bytes),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
	}
	return b
}

// at is told a position.
func (b *bar) at(position int64) {
	if b.drawn != nil {
		_ = b.drawn.Set64(position)
		return
	}
	if now := time.Now(); now.After(b.next) {
		b.next = now.Add(plainEvery)
		fmt.Fprintf(b.out, "%s: %d\n", b.what, position)
	}
}

// of is told a position and what it is out of.
func (b *bar) of(done, total int) {
	if b.drawn != nil && b.drawn.GetMax() != total {
		b.drawn.ChangeMax(total)
	}
	b.at(int64(done))
}

func (b *bar) finish() {
	if b.drawn != nil {
		_ = b.drawn.Finish()
	}
}
