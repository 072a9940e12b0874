package transport

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// subprotocol is what both sides must say they speak (RFC 7118 §4).
const subprotocol = "sip"

// maxUpgrade is how long the HTTP request that becomes a WebSocket may be, bytes: browsers send cookies along.
const maxUpgrade = 16 << 10

// upgrade reads the HTTP request that whoever connected must begin with, and answers it. It ends within ctx; on failure
// the caller closes socket.
func (t *Transport) upgrade(ctx context.Context, socket net.Conn) error {
	deadline, _ := ctx.Deadline()
	socket.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { socket.SetDeadline(time.Unix(1, 0)) })()
	asked := false
	u := ws.Upgrader{
		Protocol: func(name []byte) bool {
			asked = asked || string(name) == subprotocol
			return string(name) == subprotocol
		},
		OnHeader: t.checkOrigin,
		OnBeforeUpgrade: func() (ws.HandshakeHeader, error) {
			if asked {
				return nil, nil
			}
			return nil, ws.RejectConnectionError(ws.RejectionStatus(http.StatusBadRequest),
				ws.RejectionReason("this is a SIP server: ask for it with Sec-WebSocket-Protocol: sip"))
		},
	}
	// The library bounds neither the length of a line nor their number.
	_, err := u.Upgrade(struct {
		io.Reader
		io.Writer
	}{io.LimitReader(socket, maxUpgrade), socket})
	if err == nil {
		socket.SetDeadline(time.Time{})
	}
	return err
}

// checkOrigin refuses pages that have no business here (RFC 6455 §10.2). What is no browser can name any origin or none.
func (t *Transport) checkOrigin(name, value []byte) error {
	if len(t.config.Origins) == 0 || !strings.EqualFold(string(name), "Origin") {
		return nil
	}
	if slices.ContainsFunc(t.config.Origins, func(o string) bool { return strings.EqualFold(o, string(value)) }) {
		return nil
	}
	return ws.RejectConnectionError(ws.RejectionStatus(http.StatusForbidden), ws.RejectionReason("this origin is not in sip.websocket.origins"))
}
