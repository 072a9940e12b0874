package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// webSocket reads whole SIP messages from a connection that has become a WebSocket (RFC 7118): one in each WebSocket
// message, whose frames RFC 6455 describes. What it has to answer it queues with the connection's other output.
type webSocket struct {
	net.Conn   // below
	owner      *connection
	in         *bufio.Reader
	message    []byte    // that came in last, or is coming in
	fragmented bool      // message is the beginning of one
	begun      bool      // a frame or more of a message is here; its clock runs
	spoken     bool      // a message has come in whole
	first      time.Time // when that must have happened
	lost       bool      // what comes is not to be understood any more

	heard atomic.Int64 // when the last frame came, Unix ns
}

func newWebSocket(c *connection, below net.Conn) *webSocket {
	w := &webSocket{Conn: below, owner: c, in: bufio.NewReaderSize(below, 2<<10)}
	now := time.Now()
	w.first = now.Add(c.transport.config.FirstMessage)
	w.heard.Store(now.UnixNano())
	return w
}

// CloseWrite is *net.TCPConn's.
func (w *webSocket) CloseWrite() error {
	if s, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return s.CloseWrite()
	}
	return nil
}

// frameError is why a WebSocket is given up, with the code that the peer is told (RFC 6455 §7.4.1).
type frameError struct {
	code   ws.StatusCode
	reason string
}

func (e frameError) Error() string { return e.reason }

var (
	errFrame   = frameError{ws.StatusProtocolError, "a frame against RFC 6455"}
	errTooLong = frameError{ws.StatusMessageTooBig, "longer than a SIP message may be here"}
	errGoodbye = frameError{ws.StatusNormalClosure, ""} // the peer's
)

// Read waits for a message and puts as much of it into b as b holds; the whole is in w.message.
func (w *webSocket) Read(b []byte) (int, error) {
	for !w.lost {
		err := w.next()
		if err == nil {
			return copy(b, w.message), nil
		}
		var fault frameError
		if !errors.As(err, &fault) {
			w.owner.halfSent = w.begun
			return 0, err
		}
		w.giveUp(fault)
	}
	w.message = nil
	return w.in.Read(b) // until the peer closes too: see connection.finish
}

// giveUp tells the peer why, and takes nothing more.
func (w *webSocket) giveUp(fault frameError) {
	t := w.owner.transport
	w.lost = true
	switch fault {
	case errFrame:
		t.config.Dropped(DropFrame)
	case errTooLong:
		t.config.Dropped(DropOversize)
	}
	w.owner.enqueueFrame(ws.OpClose, ws.NewCloseFrameBody(fault.code, fault.reason))
	w.SetReadDeadline(time.Now().Add(t.config.Write))
	w.owner.finish()
}

// next reads frames until w.message is a message that is not empty.
func (w *webSocket) next() error {
	const spare = 4 << 10 // bytes that an idle connection may hold on to
	if cap(w.message) > spare {
		w.message = nil
	}
	w.message = w.message[:0]
	for {
		if _, err := w.in.Peek(1); err != nil {
			return err
		}
		if !w.begun { // in however many frames it comes, it must end in time
			w.begun = true
			w.SetReadDeadline(time.Now().Add(w.owner.transport.config.HalfSent))
		}
		whole, err := w.frame()
		if err != nil {
			return err
		}
		w.heard.Store(time.Now().UnixNano())
		if w.fragmented {
			continue
		}
		w.begun = false
		w.spoken = w.spoken || whole
		w.SetReadDeadline(w.silence())
		if whole && len(w.message) > 0 {
			return nil
		}
	}
}

// silence is until when nothing need come.
func (w *webSocket) silence() time.Time {
	if w.spoken {
		return time.Now().Add(w.owner.transport.config.Idle)
	}
	return w.first
}

// frame reads one frame; whole says that a message ends with it.
func (w *webSocket) frame() (whole bool, err error) {
	h, err := ws.ReadHeader(w.in)
	if errors.Is(err, ws.ErrHeaderLengthMSB) || errors.Is(err, ws.ErrHeaderLengthUnexpected) {
		return false, errFrame
	}
	if err != nil {
		return false, err
	}
	state := ws.StateServerSide
	if w.fragmented {
		state |= ws.StateFragmented
	}
	if ws.CheckHeader(h, state) != nil {
		return false, errFrame
	}
	if h.OpCode.IsControl() {
		return false, w.control(h)
	}
	w.fragmented = !h.Fin
	return h.Fin, w.data(h)
}

// data reads a frame's share of a message. Only what fits is ever allocated, whatever the header claims.
func (w *webSocket) data(h ws.Header) error {
	if h.Length > int64(w.owner.transport.config.MaxMessage-len(w.message)) {
		return errTooLong
	}
	from := len(w.message)
	w.message = slices.Grow(w.message, int(h.Length))[:from+int(h.Length)]
	if _, err := io.ReadFull(w.in, w.message[from:]); err != nil {
		return err
	}
	ws.Cipher(w.message[from:], h.Mask, 0)
	return nil
}

// control reads a control frame, which may come between the frames of a message, and does as it says (RFC 6455 §5.5).
func (w *webSocket) control(h ws.Header) error {
	var payload [ws.MaxControlFramePayloadSize]byte
	b := payload[:h.Length]
	if _, err := io.ReadFull(w.in, b); err != nil {
		return err
	}
	ws.Cipher(b, h.Mask, 0)
	switch h.OpCode {
	case ws.OpPing:
		w.owner.enqueueFrame(ws.OpPong, b)
	case ws.OpClose:
		return errGoodbye
	}
	return nil
}

// ping keeps NATs and web proxies from forgetting the connection, which a browser's page cannot do by itself, and ends
// one that nobody answers on.
func (w *webSocket) ping() {
	c := w.owner
	every := c.transport.config.Ping
	if time.Since(time.Unix(0, w.heard.Load())) > 5*every/2 {
		c.close(ErrConnectionGone)
		return
	}
	c.enqueueFrame(ws.OpPing, nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.pings.Reset(every)
	}
}

// enqueueFrame queues a control frame, unless c takes nothing more: whoever sends pings and reads no pongs gets none.
func (c *connection) enqueueFrame(op ws.OpCode, payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.finishing || len(c.queue.bytes)+len(payload) > c.transport.config.QueueBytes {
		return
	}
	c.queue.bytes = append(appendFrameHeader(c.queue.bytes, op, len(payload)), payload...)
	c.wake()
}

// appendMessageHeader begins the frame of a SIP message: text when it is text, which is what browsers' libraries read.
func appendMessageHeader(dst, message []byte) []byte {
	op := ws.OpBinary
	if utf8.Valid(message) {
		op = ws.OpText
	}
	return appendFrameHeader(dst, op, len(message))
}

// appendFrameHeader writes the header of a whole, unmasked frame (RFC 6455 §5.2).
func appendFrameHeader(dst []byte, op ws.OpCode, length int) []byte {
	const fin = 0x80
	dst = append(dst, fin|byte(op))
	switch {
	case length < 126:
		return append(dst, byte(length))
	case length <= 0xffff:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(length))
	}
}
