package phone

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// A phone carries no media. Its SDP says so in the way RFC 3264 provides: one audio stream on the discard port, inactive.

// offer is the SDP of our own INVITE.
func offer(host string) []byte {
	return []byte(session(host) + "m=audio 9 RTP/AVP 0 8\r\na=inactive\r\n")
}

func session(host string) string {
	family := "IP4"
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		family = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN %[1]s %[2]s\r\ns=-\r\nc=IN %[1]s %[2]s\r\nt=0 0\r\n", family, host)
}

// answer answers an offer stream by stream, RFC 3264 §6: the first audio stream is taken with one of its own formats,
// every other is turned down with port 0. Without an offer it makes one, RFC 3261 §13.2.1.
func answer(offered []byte, host string) []byte {
	var b strings.Builder
	b.WriteString(session(host))
	streams, taken := 0, false
	for line := range strings.Lines(string(offered)) {
		description, found := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "m=")
		media := strings.Fields(description)
		if !found || len(media) < 4 { // <media> <port> <proto> <fmt> ...
			continue
		}
		streams++
		if media[0] == "audio" && media[1] != "0" && !taken {
			taken = true
			fmt.Fprintf(&b, "m=audio 9 %s %s\r\na=inactive\r\n", media[2], format(media[3:]))
			continue
		}
		fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", media[0], media[2], media[3])
	}
	if streams == 0 {
		return offer(host)
	}
	return []byte(b.String())
}

// format prefers the payload types that need no rtpmap: PCMU and PCMA.
func format(offered []string) string {
	for _, f := range []string{"0", "8"} {
		if slices.Contains(offered, f) {
			return f
		}
	}
	return offered[0]
}
