package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/ringfence/ringfence/gate"
)

// demoTable shows the scenes as they are played. The widths are known beforehand, so each line can be written when its
// call is over.
type demoTable struct {
	out      io.Writer
	language int
	colours  bool
	json     bool
	widths   []int
}

func newDemoTable(out io.Writer, o demoOptions) *demoTable {
	t := &demoTable{out: out, json: o.json, colours: isTerminal(out) && os.Getenv("NO_COLOR") == ""}
	if o.language == "zh" {
		t.language = 1
	}
	rows := [][]string{t.heads()}
	for _, s := range demoScenes {
		for i, e := range s.expected {
			rows = append(rows, []string{
				"✓", s.calls[i].rep + " tcp", s.calls[i].text, e.number, e.verdict.String(), e.reason.String(), "10000 µs",
			})
		}
	}
	t.widths = columnWidths(rows)
	return t
}

// heads of the columns. The answer comes last: nothing has to be aligned behind it, however long it is.
func (t *demoTable) heads() []string {
	heads := []string{""}
	for _, h := range demoHeads {
		heads = append(heads, h[t.language])
	}
	return heads
}

func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	return widths
}

func (t *demoTable) say(text demoText, values ...any) {
	fmt.Fprintf(t.out, text[t.language]+"\n", values...)
}

// begin says what is there before the first call.
func (t *demoTable) begin(r demoReport) {
	if t.json {
		return
	}
	t.say(demoIntroduction, strings.Join(r.SIP, ", "), gate.Duration(demoMinTalk), r.Registry)
	fmt.Fprintln(t.out)
	t.line(t.heads(), bold)
}

// scene shows a scene that has been played.
func (t *demoTable) scene(r demoResult) {
	if t.json {
		return
	}
	fmt.Fprintf(t.out, "\n  %s\n", t.paint(dim, r.scene.title[t.language]))
	for _, c := range r.calls {
		mark, colour := "✓", colourOf[c.Verdict]
		if !c.Expected {
			mark, colour = "✗", red
		}
		t.line([]string{mark, c.Rep + " " + c.Transport, c.Dialled, dashed(c.Number), dashed(c.Verdict), dashed(c.Reason), dashed(c.took), t.answer(c)}, colour)
	}
	for _, d := range r.differs {
		fmt.Fprintln(t.out, t.paint(red, "  ✗ "+d))
	}
}

// answer is what the phone showed.
func (t *demoTable) answer(c demoCall) string {
	switch {
	case c.Status == 0:
		return "-"
	case c.AnsweredBy != "":
		return fmt.Sprintf("%d %s, %s", c.Status, c.Phrase, fmt.Sprintf(demoAnswered[t.language], c.AnsweredBy))
	case c.Text != "":
		return fmt.Sprintf("%d %s", c.Status, c.Text)
	default:
		return fmt.Sprintf("%d %s", c.Status, c.Phrase)
	}
}

// end sums up.
func (t *demoTable) end(r *demoReport) error {
	if t.json {
		encoder := json.NewEncoder(t.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	fmt.Fprintln(t.out)
	if len(r.Differs) == 0 {
		t.say(demoAllWell, len(r.Calls))
	} else {
		t.say(demoNotAllWell, len(r.Differs))
	}
	return nil
}

// invite says how to go on while the house stays open.
func (t *demoTable) invite(h *demoHouse) {
	if !t.json {
		t.say(demoSoftphoneHelp, h.server("udp"), h.server("tcp"), demoSoftphone, demoFree, demoOwned, demoRefused, demoListed,
			demoUnused, gate.Duration(demoMinTalk), h.store.URL())
	}
}

// line writes one row, its cells padded by how wide they look and not by how many bytes they take. Mark and verdict are
// coloured.
func (t *demoTable) line(cells []string, colour string) {
	const mark, verdict = 0, 4
	var b strings.Builder
	for i, cell := range cells {
		padding := strings.Repeat(" ", max(0, t.widths[i]-uniseg.StringWidth(cell))+2)
		if i == mark || i == verdict || colour == bold {
			cell = t.paint(colour, cell)
		}
		b.WriteString(cell)
		b.WriteString(padding)
	}
	fmt.Fprintln(t.out, strings.TrimRight(b.String(), " "))
}

// The colours, for terminals (ECMA-48 SGR).
const (
	bold, dim          = "1", "2"
	red, green, yellow = "31", "32", "33"
)

var colourOf = map[string]string{"allow": green, "block": red, "redirect": yellow}

func (t *demoTable) paint(colour, text string) string {
	if !t.colours || colour == "" || text == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// dashed shows that there is nothing to show.
func dashed(cell string) string {
	if cell == "" {
		return "-"
	}
	return cell
}
