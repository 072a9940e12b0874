package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// What is measured stands between these lines of the page; the rest of it is written by people.
const (
	measuredBegin = "<!-- measured: begin -->"
	measuredEnd   = "<!-- measured: end -->"
)

const emptyPage = "# Performance\n\nMeasured by `make bench`.\n\n" + measuredBegin + "\n" + measuredEnd + "\n"

// writePage puts the tables into the page, which it makes if there is none.
func writePage(file string, m machine, e effort, noise string, tables []table) error {
	page, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		page, err = []byte(emptyPage), nil
	}
	if err != nil {
		return err
	}
	replaced, err := replaceMeasured(string(page), measuredText(m, e, noise, tables))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(replaced), 0o644)
}

func measuredText(m machine, e effort, noise string, tables []table) string {
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s.\n\n", m)
	if e.quick {
		fmt.Fprint(&text, "**A quick run: it shows that everything works, not what it costs.**\n\n")
	}
	fmt.Fprintf(&text, `Proxies, Redis and SIPp at both ends share the machine, on loopback. Each table is measured in rounds: every contender
once, beginning with another one each time, after a round that is not counted. A figure is the median of its rounds with
[smallest–largest]; a ratio is taken within each round, then its median. CPU is the scheduler's own count in ns over all
processes of a proxy. Astray are calls that Ringfence decided for another reason than it should, such as its outage table.
%s

`, noise)
	for _, t := range tables {
		t.markdown(&text)
	}
	return strings.TrimRight(text.String(), "\n") + "\n"
}

// replaceMeasured swaps what stands between the markers.
func replaceMeasured(page, measured string) (string, error) {
	before, rest, found := strings.Cut(page, measuredBegin)
	if !found {
		return "", fmt.Errorf("the line %q is missing: put it where the tables should stand, with %q after it", measuredBegin, measuredEnd)
	}
	_, after, found := strings.Cut(rest, measuredEnd)
	if !found {
		return "", fmt.Errorf("the line %q is missing after %q", measuredEnd, measuredBegin)
	}
	return before + measuredBegin + "\n\n" + measured + "\n" + measuredEnd + after, nil
}
