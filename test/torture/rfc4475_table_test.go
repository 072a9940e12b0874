package torture

// outcome is what becomes of a message.
type outcome struct {
	status     int  // of the final response to its sender; 0: none
	pbx        bool // it goes on to the PBX, start line untouched
	closed     bool // the stream is closed
	unfinished bool // the stream is closed after ten seconds, since the message never ended
}

func refused(status int) outcome { return outcome{status: status} }

func refusedAndClosed(status int) outcome { return outcome{status: status, closed: true} }

var (
	ignored   = outcome{}
	forwarded = outcome{status: 200, pbx: true} // and what the PBX says comes back
)

// torture is a message of RFC 4475 and what becomes of it here. 404 to an INVITE: it was taken for what it is and
// decided; its user part is no number that can be called, so it rings nobody.
type torture struct {
	file    string
	section string // of RFC 4475
	udp     outcome
	tcp     outcome // where it differs from udp
	why     string  // what the RFC leaves open and how it is settled here
}

const (
	noLength  = "a stream needs a Content-Length to find the next message, and this has none"
	badLength = "no next message can be found in the stream"
	notOurs   = "a response that answers no request of ours is dropped, however it is written"
)

var tortures = []torture{
	// 3.1.1 Valid messages: all are taken.
	{file: "valid/wsinv", section: "3.1.1.1", udp: refused(404)},
	{file: "valid/intmeth", section: "3.1.1.2", udp: forwarded},
	{file: "valid/esc01", section: "3.1.1.3", udp: refused(404)},
	{file: "valid/escnull", section: "3.1.1.4", udp: forwarded},
	{file: "valid/esc02", section: "3.1.1.5", udp: forwarded},
	{file: "valid/lwsdisp", section: "3.1.1.6", udp: forwarded},
	{file: "valid/longreq", section: "3.1.1.7", udp: refused(404)},
	{
		file: "valid/dblreq", section: "3.1.1.8", udp: forwarded, tcp: outcome{status: 404, pbx: true, closed: true},
		why: "what follows in the datagram is not looked at; in a stream it is a second message, an INVITE, and what follows that is none",
	},
	{file: "valid/semiuri", section: "3.1.1.9", udp: forwarded},
	{file: "valid/transports", section: "3.1.1.10", udp: forwarded},
	{file: "valid/mpart01", section: "3.1.1.11", udp: forwarded},
	{file: "valid/unreason", section: "3.1.1.12", udp: ignored, why: notOurs},
	{file: "valid/noreason", section: "3.1.1.13", udp: ignored, why: notOurs},

	// 3.1.2 Invalid messages.
	{file: "invalid/badinv01", section: "3.1.2.1", udp: refused(400)},
	{file: "invalid/clerr", section: "3.1.2.2", udp: refused(400), tcp: outcome{unfinished: true}},
	{file: "invalid/ncl", section: "3.1.2.3", udp: refused(400), tcp: refusedAndClosed(400), why: badLength},
	{file: "invalid/scalar02", section: "3.1.2.4", udp: refused(400)},
	{file: "invalid/scalarlg", section: "3.1.2.5", udp: ignored},
	{file: "invalid/quotbal", section: "3.1.2.6", udp: refused(400)},
	{file: "invalid/ltgtruri", section: "3.1.2.7", udp: refused(400), why: "stricter: the brackets could be overlooked, but not by everybody alike"},
	{file: "invalid/lwsruri", section: "3.1.2.8", udp: refused(400)},
	{file: "invalid/lwsstart", section: "3.1.2.9", udp: refused(400), why: "stricter: readers differ on where the Request-URI ends"},
	{file: "invalid/trws", section: "3.1.2.10", udp: refused(400), why: "stricter: as lwsstart"},
	{file: "invalid/escruri", section: "3.1.2.11", udp: refused(400), why: "stricter: the headers in the URI could be dropped, but a callee might not"},
	{file: "invalid/baddate", section: "3.1.2.12", udp: refused(404), why: "Date is between the ends of the call"},
	{file: "invalid/regbadct", section: "3.1.2.13", udp: refused(400)},
	{file: "invalid/badaspec", section: "3.1.2.14", udp: refused(400), why: "stricter: the blanks could be skipped, but not by everybody alike"},
	{
		file: "invalid/baddn", section: "3.1.2.15", udp: refused(400), tcp: outcome{unfinished: true},
		why: "stricter: behind the comma another address might begin; the file ends before the header section does, so in a stream more must come",
	},
	{file: "invalid/badvers", section: "3.1.2.16", udp: refused(505)},
	{file: "invalid/mismatch01", section: "3.1.2.17", udp: refused(400)},
	{file: "invalid/mismatch02", section: "3.1.2.18", udp: refused(400)},
	{file: "invalid/bigcode", section: "3.1.2.19", udp: ignored},

	// 3.2 Transactions.
	{file: "invalid/badbranch", section: "3.2.1", udp: refused(400)},

	// 3.3 What the messages mean.
	{file: "invalid/insuf", section: "3.3.1", udp: refused(400)},
	{file: "invalid/unkscm", section: "3.3.2", udp: refused(416)},
	{file: "invalid/novelsc", section: "3.3.3", udp: refused(416)},
	{file: "invalid/unksm2", section: "3.3.4", udp: forwarded, why: "who may register is the registrar's to say"},
	{file: "invalid/bext01", section: "3.3.5", udp: refused(420)},
	{file: "invalid/invut", section: "3.3.6", udp: refused(404), why: "the body is between the ends of the call"},
	{file: "invalid/regaut01", section: "3.3.7", udp: forwarded, why: "credentials for the registrar"},
	{file: "invalid/multi01", section: "3.3.8", udp: refused(400)},
	{file: "invalid/mcl01", section: "3.3.9", udp: refused(400), tcp: refusedAndClosed(400), why: badLength},
	{file: "invalid/bcast", section: "3.3.10", udp: ignored, why: notOurs},
	{file: "invalid/zeromf", section: "3.3.11", udp: refused(483)},
	{file: "invalid/cparam01", section: "3.3.12", udp: forwarded},
	{file: "invalid/cparam02", section: "3.3.13", udp: forwarded},
	{file: "invalid/regescrt", section: "3.3.14", udp: forwarded},
	{file: "invalid/sdp01", section: "3.3.15", udp: refused(404), why: "what is accepted is between the ends of the call"},

	// 3.4 RFC 2543.
	{file: "invalid/inv2543", section: "3.4.1", udp: refused(404), tcp: refusedAndClosed(400), why: noLength},

	// Of sipgo's own collection: a request line without a version, and no Via by which to answer.
	{file: "invalid/test", section: "", udp: ignored},
}
