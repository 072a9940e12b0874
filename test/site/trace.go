package site

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// Message is one SIP message in a SIPp trace, as far as a test looks into it.
type Message struct {
	Sent   bool // by SIPp; otherwise it was received
	Start  string
	CallID string
	CSeq   string // "1 INVITE"
	Branch string // of the topmost Via
	ToTag  string
	Text   string
}

// Request is the method of a request and empty for a response.
func (m *Message) Request() string {
	if m.Status() != "" {
		return ""
	}
	method, _, _ := strings.Cut(m.Start, " ")
	return method
}

// Status is the code of a response and empty for a request.
func (m *Message) Status() string {
	rest, ok := strings.CutPrefix(m.Start, "SIP/2.0 ")
	if !ok {
		return ""
	}
	code, _, _ := strings.Cut(rest, " ")
	return code
}

// separator begins each message of `sipp -trace_msg`; the next line says the direction.
var separator = regexp.MustCompile(`(?m)^-{47} .*\n(?:UDP|TCP) message (sent|received) .*\n\n?`)

// ReadTrace reads a file that `sipp -trace_msg` wrote. A file that is not there is a phone that heard and said nothing.
func ReadTrace(file string) ([]Message, error) {
	raw, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text := strings.ReplaceAll(string(raw), "\r\n", "\n")
	starts := separator.FindAllStringSubmatchIndex(text, -1)
	if len(starts) == 0 && strings.TrimSpace(text) != "" {
		return nil, fmt.Errorf("%s: no message found in %d bytes: has `sipp -trace_msg` changed its format?", file, len(raw))
	}
	messages := make([]Message, 0, len(starts))
	for i, s := range starts {
		end := len(text)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		messages = append(messages, parse(text[s[1]:end], text[s[2]:s[3]] == "sent"))
	}
	return messages, nil
}

func parse(text string, sent bool) Message {
	m := Message{Sent: sent, Text: text}
	head, _, _ := strings.Cut(text, "\n\n")
	start, headers, _ := strings.Cut(head, "\n")
	m.Start = start
	for line := range strings.SplitSeq(headers, "\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "call-id", "i":
			m.CallID = value
		case "cseq":
			m.CSeq = value
		case "to", "t":
			m.ToTag = parameter(value, "tag")
		case "via", "v":
			if m.Branch == "" {
				m.Branch = parameter(value, "branch")
			}
		}
	}
	return m
}

// parameter is the value of the header parameter name.
func parameter(value, name string) string {
	_, after, found := strings.Cut(value, ";"+name+"=")
	if !found {
		return ""
	}
	if i := strings.IndexAny(after, ";, >"); i >= 0 {
		return after[:i]
	}
	return after
}
