package main

import (
	_ "embed"
	"html/template"
	"io"
)

//go:embed dispute.html
var disputeHTML string

// disputePage is a page to print: one file, without scripts and without anything from elsewhere.
var disputePage = template.Must(template.New("dispute").Funcs(template.FuncMap{"when": timeCell, "cell": cellOf}).Parse(disputeHTML))

func (r disputeReport) page(w io.Writer, say disputeWords) error {
	type line struct{ When, Text string }
	var story []line
	for _, l := range r.story(say) {
		story = append(story, line{timeCell(l.at), l.text})
	}
	return disputePage.Execute(w, map[string]any{
		"Language": say.language, "Title": say.title, "Heading": r.heading(say), "Footing": r.footing(say),
		"StandIn": r.standIn(say), "R": r, "Story": story,
		"Division": say.division, "Nobody": say.nobody, "Reps": say.reps, "Heads": say.repHeads, "Happened": say.story,
		"Percent": say.percent, "Rule": say.rule, "Signature": say.signature, "Talk": say.talk, "Why": say.why,
	})
}
