package dnc

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/ringfence/ringfence/gate"
)

// ReadOptions say how a file is read.
type ReadOptions struct {
	// Normalise reads one spelling: the gate's own normaliser, so that a number on a list and the same number dialled
	// are the same. It is called from several goroutines at once.
	Normalise func(string) (gate.Number, error)
	// Column is the name of the column that holds the numbers, as the header spells it whatever its case, or its
	// position from 1. Empty is the first column.
	Column string
	// Progress is told how many bytes of the file have been read: compressed ones when it is gzip. May be nil.
	Progress func(bytes int64)
}

// Reading is what a file held.
type Reading struct {
	Set        *Set
	Header     string    // the line taken as header, masked; empty when there was none
	Lines      int       // all lines
	Readable   int       // lines that hold a number
	Duplicates int       // readable lines whose number another line had given
	Unreadable int       // lines that should hold a number and do not
	Problems   []Problem // the first 1,000 of those
}

// Problem is a line that could not be read.
type Problem struct {
	Line int    `json:"line"`
	Text string `json:"text"` // what stood in the column, masked
	Why  string `json:"why"`
}

const maxProblems = 1000

// Read compiles a set from a text or CSV file, plain or gzip: one number a line, or one in a column of each line;
// spelled in any way Normalise understands. A header, a byte order mark, blank lines and comments (#) are taken for
// what they are. A line is a record: a quoted field that goes on in the next line is reported, never followed, so that
// a stray quote cannot swallow the rest of the list. Lines that cannot be read do not stop the reading; the caller
// decides what they mean. An error means that the file as a whole could not be read, and nothing is returned.
//
// Blocks of lines are parsed in parallel and collected in their order. Memory is that of the Builder and a few blocks,
// whatever the size of the file or of a line.
func Read(r io.Reader, opts ReadOptions) (*Reading, error) {
	if opts.Normalise == nil {
		return nil, errors.New("dnc: Read needs a normaliser")
	}
	text, err := openText(r, opts.Progress)
	if err != nil {
		return nil, err
	}
	format := format{column: opts.Column, normalise: opts.Normalise}
	pending := make(chan chan parsed, runtime.GOMAXPROCS(0))
	var failed error // written before pending is closed, read after
	go func() {
		defer close(pending)
		failed = parseBlocks(text, &format, pending)
	}()

	reading, err := collect(pending)
	if err := errors.Join(failed, err); err != nil {
		return nil, err
	}
	reading.Header = format.header
	return reading, nil
}

// parseBlocks starts the parsing of each block and passes on, in order, where its result will be.
func parseBlocks(text io.Reader, f *format, pending chan<- chan parsed) error {
	blocks := newBlocks(text)
	for {
		b, err := blocks.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the file cannot be read past line %d: %w", blocks.line, err)
		}
		if err := f.sniff(b); err != nil {
			return err
		}
		result := make(chan parsed, 1)
		pending <- result // as many in flight as pending holds: this is what bounds the memory
		go func(f format) { result <- f.parse(b) }(*f)
	}
}

// collect adds the results up.
func collect(pending <-chan chan parsed) (*Reading, error) {
	reading := &Reading{}
	var builder Builder
	var failed error
	for result := range pending {
		p := <-result
		for _, n := range p.numbers {
			failed = errors.Join(failed, builder.Add(n))
		}
		reading.Lines += p.lines
		reading.Readable += len(p.numbers)
		reading.Unreadable += p.unreadable
		room := maxProblems - len(reading.Problems)
		reading.Problems = append(reading.Problems, p.problems[:min(room, len(p.problems))]...)
	}
	reading.Set = builder.Set()
	reading.Duplicates = reading.Readable - reading.Set.Len()
	return reading, failed
}
