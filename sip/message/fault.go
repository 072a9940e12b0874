package message

import (
	"errors"
	"strconv"
)

// Fault says what is wrong with a message and how a request like it is answered.
type Fault struct {
	Code   int    // 400, 505, 513
	Phrase string // of the status line
	Detail string // the header or field and what is wrong with it; never what the message says
}

func (f *Fault) Error() string {
	return strconv.Itoa(f.Code) + " " + f.Phrase + ": " + f.Detail
}

func badRequest(where string, what error) *Fault {
	return &Fault{Code: 400, Phrase: "Bad Request", Detail: where + ": " + what.Error()}
}

// What can be wrong. The header's name is put before it.
var (
	errControl     = errors.New("holds a bare CR, LF, NUL or other control byte")
	errUnended     = errors.New("does not end with CRLF")
	errName        = errors.New("the name is no token followed by a colon")
	errMissing     = errors.New("is missing")
	errTwice       = errors.New("is there more than once")
	errEmpty       = errors.New("is empty")
	errElement     = errors.New("has an empty list element")
	errMethod      = errors.New("the method is no token")
	errVersion     = errors.New("the version is not SIP/2.0")
	errStatus      = errors.New("the status is no number from 100 to 699")
	errURI         = errors.New("the URI cannot be read")
	errURIHeaders  = errors.New("the URI carries headers")
	errURIMethod   = errors.New("the URI carries a method parameter")
	errUser        = errors.New("the user part has a byte that must be escaped, or a broken escape")
	errHost        = errors.New("the host cannot be read")
	errPort        = errors.New("the port is no number from 1 to 65535")
	errParam       = errors.New("a parameter cannot be read")
	errQuote       = errors.New("a quoted string does not end")
	errAngle       = errors.New("the angle brackets do not hold one URI")
	errBare        = errors.New("a display name with a comma must be quoted, a URI with a comma or question mark bracketed")
	errTail        = errors.New("something follows that does not belong there")
	errTag         = errors.New("the tag is empty, no token or there twice")
	errBranch      = errors.New("the branch is empty, has nothing behind its magic cookie or is there twice")
	errViaProtocol = errors.New("the protocol is not SIP/2.0 over a named transport")
	errViaParam    = errors.New("rport, received or maddr is there twice or cannot be read")
	errBlank       = errors.New("has a blank or non-ASCII byte inside")
	errNumber      = errors.New("is no number, or too large")
	errCSeq        = errors.New("is no number and method")
	errCSeqMethod  = errors.New("the method differs from the request line's")
	errShort       = errors.New("says more than the body holds")
)
