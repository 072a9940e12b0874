// Package guard says when the gate has had enough: of one source that sends more than its share, and of everybody when
// messages wait longer than a call can bear. It counts and judges; what becomes of a message is its caller's.
//
// It is pure: it knows no socket, no message and no clock of its own. Everything in it is bounded, whoever sends what.
package guard

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Rate is so many a second. The zero value is none that was given; Off is none that was meant.
type Rate float64

// Off is no limit.
const Off Rate = -1

// Limits says whether r is a limit.
func (r Rate) Limits() bool { return r > 0 }

// interval is the time between two at that rate.
func (r Rate) interval() time.Duration { return time.Duration(float64(time.Second) / float64(r)) }

// Pace lets through what comes at a rate, and says of what comes faster how long it should have waited.
type Pace struct {
	until time.Time // when what has come is paid off
}

// Take counts n that came at now and says how long to wait before more is taken: a second's worth may come at once.
func (p *Pace) Take(n int, r Rate, now time.Time) time.Duration {
	if !r.Limits() {
		return 0
	}
	if p.until.Before(now) {
		p.until = now
	}
	p.until = p.until.Add(time.Duration(n) * r.interval())
	return max(0, p.until.Sub(now)-time.Second)
}

// fastest is the highest rate that a limit can have: beyond it the time between two has no nanosecond left to count.
const fastest = 1e8

// ParseRate reads "50/s", "3000/m" or "off".
func ParseRate(text string) (Rate, error) {
	if text == "off" {
		return Off, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	n, err := strconv.ParseFloat(number, 64)
	per := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || per == 0 || math.IsNaN(n) || n/per < 1.0/3600 || n/per > fastest {
		return 0, fmt.Errorf("%.40q is no rate; write it like 50/s or 3000/m, or off", text)
	}
	return Rate(n / per), nil
}

// String writes what ParseRate reads.
func (r Rate) String() string {
	switch {
	case r < 0:
		return "off"
	case r >= 1 || r == 0:
		return strconv.FormatFloat(float64(r), 'g', -1, 64) + "/s"
	}
	return strconv.FormatFloat(float64(r*3600), 'g', -1, 64) + "/h"
}

// MarshalText writes what String writes.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseRate reads.
func (r *Rate) UnmarshalText(text []byte) error {
	parsed, err := ParseRate(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
