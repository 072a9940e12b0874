package customer

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// RFC 5321 §4.5.3.1: the longest parts of an address, in bytes.
const (
	maxLocal  = 64
	maxDomain = 255
)

// readEmail reads an address. shown keeps the case of its local part; what is compared does not: RFC 5321 §2.4 lets a
// host tell A@ from a@, and none does.
func (r *Reader) readEmail(text string) (shown, key string, err error) {
	text = norm.NFKC.String(text) // a full-width ＠ is one
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return "", "", errors.New("it has no @")
	}
	local := text[:at]
	if local == "" || len(local) > maxLocal || strings.ContainsFunc(local, notLocal) {
		return "", "", errors.New("what stands before the @ is no mailbox")
	}
	domain, err := domainOf(text[at+1:])
	if err != nil {
		return "", "", err
	}
	box := strings.ToLower(local)
	if tag := strings.IndexByte(box, '+'); r.plusTags && tag > 0 {
		box = box[:tag]
	}
	if slices.Contains(r.dotless, domain) {
		if bare := strings.ReplaceAll(box, ".", ""); bare != "" {
			box = bare
		}
	}
	return local + "@" + domain, box + "@" + domain, nil
}

// notLocal: blanks, control characters, and what quotes or lists addresses. Quoted local parts (RFC 5322 §3.2.4) are not
// taken: nobody has one, and a paste that went wrong looks like one.
func notLocal(r rune) bool {
	return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || strings.ContainsRune(`@,;:<>()[]"\`, r)
}

// domainOf is a domain in its ASCII form (RFC 5891), lower case, without the root's dot.
func domainOf(text string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil || len(ascii) > maxDomain || !strings.Contains(ascii, ".") || strings.ContainsAny(ascii, " :/") {
		return "", errors.New("what stands after the @ is no domain")
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if label == "" || len(label) > 63 {
			return "", errors.New("what stands after the @ is no domain")
		}
	}
	return strings.ToLower(ascii), nil
}
