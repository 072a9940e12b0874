package dnc

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

const (
	blockSize = 256 << 10 // bytes of text that one goroutine parses
	maxLine   = 4 << 10   // bytes; a longer line is unreadable and is not kept whole
)

// openText finds out what the file is by its first bytes and gives its text, without compression and byte order mark.
func openText(r io.Reader, progress func(int64)) (io.Reader, error) {
	file := bufio.NewReaderSize(&counter{r: r, progress: progress}, 64<<10)
	head, err := file.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, errors.New("the file is a zip archive or a spreadsheet: unpack it, or save the sheet as CSV (UTF-8)")
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		plain, err := gzip.NewReader(file)
		if err != nil {
			return nil, fmt.Errorf("the file begins like gzip and is none: %w", err)
		}
		file = bufio.NewReaderSize(plain, 64<<10)
		if head, err = file.Peek(4); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the file cannot be unpacked: %w", err)
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, errors.New("the file is UTF-16: save it as UTF-8")
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, err = file.Discard(3)
		return file, err
	}
	return file, nil
}

// counter tells how much has been read.
type counter struct {
	r        io.Reader
	read     int64
	progress func(int64)
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += int64(n)
	if c.progress != nil && n > 0 {
		c.progress(c.read)
	}
	return n, err
}

// A block is a run of whole lines.
type block struct {
	text string
	line int // number of its first line, from 1
}

// blocks cuts a text into blocks.
type blocks struct {
	r    io.Reader
	buf  []byte
	held int  // bytes of buf that are the begin of the next block
	line int  // number of the last line handed out
	skip bool // the rest of an overlong line is being passed over
	eof  bool
}

func newBlocks(r io.Reader) *blocks {
	return &blocks{r: r, buf: make([]byte, blockSize)}
}

// next gives the next block, or io.EOF after the last.
func (b *blocks) next() (block, error) {
	for !b.eof || b.held > 0 {
		if err := b.fill(); err != nil {
			return block{}, err
		}
		if b.skip {
			b.passOver()
			continue
		}
		if end := b.wholeLines(); end > 0 {
			return b.take(end), nil
		}
	}
	return block{}, io.EOF
}

// fill reads until buf is full or the text ends. (io.ReadFull would not do: it calls a short last block by the name of
// the error that a gzip file cut off gives.)
func (b *blocks) fill() error {
	for !b.eof && b.held < len(b.buf) {
		n, err := b.r.Read(b.buf[b.held:])
		b.held += n
		if err == io.EOF {
			b.eof = true
		} else if err != nil {
			return err
		}
	}
	return nil
}

// wholeLines is how much of buf can be handed out. Of a line that fills all of it only the beginning is kept, long
// enough to be told as overlong; 0 when nothing is left.
func (b *blocks) wholeLines() int {
	if b.eof {
		return b.held
	}
	if end := bytes.LastIndexByte(b.buf[:b.held], '\n'); end >= 0 {
		return end + 1
	}
	b.skip = true
	b.held = maxLine + 1
	return b.held
}

// take hands out the first bytes of buf.
func (b *blocks) take(end int) block {
	out := block{text: string(b.buf[:end]), line: b.line + 1}
	b.line += bytes.Count(b.buf[:end], []byte{'\n'})
	if b.buf[end-1] != '\n' {
		b.line++
	}
	b.held = copy(b.buf, b.buf[end:b.held])
	return out
}

// passOver drops the rest of an overlong line, its end included: it has been counted.
func (b *blocks) passOver() {
	if end := bytes.IndexByte(b.buf[:b.held], '\n'); end >= 0 {
		b.skip = false
		b.held = copy(b.buf, b.buf[end+1:b.held])
		return
	}
	b.held = 0
}
