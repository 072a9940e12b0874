package message

// Kind is a header's name, known at one comparison. Compact forms (RFC 3261 §7.3.3) and any case map to the same Kind.
type Kind uint8

// The kinds a proxy looks at. Everything else is Other and passes untouched.
const (
	Other Kind = iota
	Via
	From
	To
	CallID
	CSeq
	MaxForwards
	MaxBreadth
	Route
	RecordRoute
	Contact
	ContentLength
	ContentType
	Require
	ProxyRequire
	Supported
	Unsupported
	ReferTo
	ReferredBy
	Replaces
	Expires
	RetryAfter
	Reason
	Warning
	ProxyAuthorization
	ProxyAuthenticate
	WWWAuthenticate
	Authorization
	PAssertedIdentity
	PPreferredIdentity
	RemotePartyID
	Diversion
	HistoryInfo
	Privacy
	SessionExpires
	Path
	UserAgent
	kindCount
)

// kindNames are the names as the RFCs write them.
var kindNames = [kindCount]string{
	"header", "Via", "From", "To", "Call-ID", "CSeq", "Max-Forwards", "Max-Breadth", "Route", "Record-Route", "Contact",
	"Content-Length", "Content-Type", "Require", "Proxy-Require", "Supported", "Unsupported", "Refer-To", "Referred-By",
	"Replaces", "Expires", "Retry-After", "Reason", "Warning", "Proxy-Authorization", "Proxy-Authenticate",
	"WWW-Authenticate", "Authorization", "P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Diversion",
	"History-Info", "Privacy", "Session-Expires", "Path", "User-Agent",
}

// String is the header's full name.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return kindNames[Other]
}

// compact are the one-letter names of the IANA registry and what they stand for. Those without a Kind are here too,
// so that a header dropped by its full name does not survive under its short one.
var compact = [...]struct {
	letter byte
	name   string
}{
	{'a', "Accept-Contact"},
	{'b', "Referred-By"},
	{'c', "Content-Type"},
	{'d', "Request-Disposition"},
	{'e', "Content-Encoding"},
	{'f', "From"},
	{'i', "Call-ID"},
	{'j', "Reject-Contact"},
	{'k', "Supported"},
	{'l', "Content-Length"},
	{'m', "Contact"},
	{'n', "Identity-Info"},
	{'o', "Event"},
	{'r', "Refer-To"},
	{'s', "Subject"},
	{'t', "To"},
	{'u', "Allow-Events"},
	{'v', "Via"},
	{'x', "Session-Expires"},
	{'y', "Identity"},
}

// byLength finds a Kind with one or two comparisons: no more than six names share a length. Other fills the rows.
var byLength = func() (t [24][6]Kind) {
	for k := Other + 1; k < kindCount; k++ {
		row := &t[len(kindNames[k])]
		i := 0
		for row[i] != Other {
			i++
		}
		row[i] = k
	}
	return t
}()

// byLetter maps the small letters to the kinds of their compact forms.
var byLetter = func() (t [26]Kind) {
	for _, c := range compact {
		t[c.letter-'a'] = kindNamed([]byte(c.name))
	}
	return t
}()

// kindOf is the Kind of a header name as it came.
func kindOf(name []byte) Kind {
	if len(name) == 1 {
		if c := lower(name[0]); 'a' <= c && c <= 'z' {
			return byLetter[c-'a']
		}
		return Other
	}
	return kindNamed(name)
}

// KindOf is the Kind of a header's name, in any case and also in its compact form; Other when it has none of its own.
func KindOf(name string) Kind { return kindOf([]byte(name)) }

// IsToken says whether s is a token (RFC 3261 §25.1), as the name of a header must be.
func IsToken(s string) bool { return s != "" && all([]byte(s), tokenByte) }

// kindNamed is the Kind of a full name.
func kindNamed(name []byte) Kind {
	if len(name) >= len(byLength) {
		return Other
	}
	for _, k := range &byLength[len(name)] {
		if k == Other || equalFold(name, kindNames[k]) {
			return k
		}
	}
	return Other
}

// fullName is name, or what it stands for when it is a compact form.
func fullName(name string) string {
	if len(name) == 1 {
		for _, c := range compact {
			if c.letter == lower(name[0]) {
				return c.name
			}
		}
	}
	return name
}
