package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry"
)

// disputeReport is the whole answer.
type disputeReport struct {
	Number     gate.Number       `json:"number"`
	Scope      gate.Scope        `json:"scope"`
	At         time.Time         `json:"at"`            // the day of the result
	Owner      gate.Rep          `json:"owner"`         // who owned it then; "" for nobody
	Policy     string            `json:"policy"`        // version of the rules of that day
	KnownRules bool              `json:"policy_known"`  // false: today's rules stand in for it
	Division   []partReport      `json:"division"`      // in percent, adds up to 100; empty when nobody did anything
	First      *contactReport    `json:"first_contact"` // null when nobody spoke with the customer
	Reps       []followReport    `json:"reps"`          // what each rep did up to that day
	Contacts   []contactReport   `json:"contacts"`      // answered calls
	Owners     []ownershipReport `json:"ownerships"`
	Agreements []agreementReport `json:"agreements"`
	Refusals   []incidentReport  `json:"refusals"`
	Passes     []incidentReport  `json:"passes"`
	Oldest     *time.Time        `json:"oldest_record,omitempty"` // nothing before it is known
	Records    int               `json:"records"`
}

type partReport struct {
	Rep     gate.Rep   `json:"rep"`
	Percent int        `json:"percent"`
	Basis   gate.Basis `json:"basis"`
	Rule    string     `json:"rule,omitempty"` // the key that says so
	Agreed  *time.Time `json:"agreed,omitempty"`
	By      string     `json:"by,omitempty"` // who wrote the agreement down
	Talk    int64      `json:"talk_seconds,omitempty"`
	Calls   int        `json:"calls,omitempty"`
}

type contactReport struct {
	Time  time.Time `json:"time"`
	Rep   gate.Rep  `json:"rep"`
	Talk  int64     `json:"talk_seconds"`
	Later bool      `json:"later,omitempty"` // after the day of the result: does not count
}

type followReport struct {
	Rep      gate.Rep   `json:"rep"`
	Dialled  int        `json:"dialled"`
	Refused  int        `json:"not_let_out"`
	Answered int        `json:"answered"`
	Talk     int64      `json:"talk_seconds"`
	First    *time.Time `json:"first_contact,omitempty"`
}

type ownershipReport struct {
	Owner gate.Rep   `json:"owner"`
	From  time.Time  `json:"from"`
	To    *time.Time `json:"to,omitempty"`
	Why   string     `json:"why"`
	Ended string     `json:"ended,omitempty"`
}

type agreementReport struct {
	Rep     gate.Rep  `json:"rep"`
	Percent int       `json:"percent"`
	Time    time.Time `json:"time"`
	By      string    `json:"by"`
}

type incidentReport struct {
	Time time.Time `json:"time"`
	What string    `json:"what"`
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
}

// disputeReportOf puts the answer together. Records come oldest first.
func disputeReportOf(n gate.Number, scope gate.Scope, records []registry.Record, day ruleOfTheDay) disputeReport {
	story := registry.CaseOf(records, scope)
	owner := story.OwnerAt(day.at)
	r := disputeReport{
		Number: n, Scope: scope, At: whole(day.at), Owner: owner, Policy: day.version, KnownRules: day.known, Records: len(records),
		Division: []partReport{}, Contacts: []contactReport{}, Owners: []ownershipReport{}, Agreements: []agreementReport{},
		Refusals: incidentsOf(story.Refusals), Passes: incidentsOf(story.Passes), Reps: repsOf(story, day.at),
	}
	for _, p := range day.rules.Divide(day.at, owner, story.Contacts, story.Agreements) {
		r.Division = append(r.Division, partReport{
			p.Rep, p.Percent, p.Basis, p.Rule, timeOf(p.At), p.By, int64(p.Talk / time.Second), p.Calls,
		})
	}
	for _, c := range story.Contacts {
		r.Contacts = append(r.Contacts, contactReport{whole(c.At), c.Rep, int64(c.Talk / time.Second), c.At.After(day.at)})
	}
	slices.SortStableFunc(r.Contacts, func(a, b contactReport) int { return a.Time.Compare(b.Time) })
	if len(r.Contacts) > 0 {
		r.First = &r.Contacts[0]
	}
	for _, o := range story.Ownerships {
		r.Owners = append(r.Owners, ownershipReport{o.Owner, whole(o.From), timeOf(o.To), o.Why, o.Ended})
	}
	for _, a := range story.Agreements {
		r.Agreements = append(r.Agreements, agreementReport{a.Rep, a.Percent, whole(a.At), a.By})
	}
	if len(records) > 0 {
		r.Oldest = timeOf(records[0].Time)
	}
	return r
}

// whole is a time for JSON: UTC, to the second.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func incidentsOf(list []registry.Incident) []incidentReport {
	reports := make([]incidentReport, len(list))
	for i, in := range list {
		reports[i] = incidentReport{whole(in.At), in.What, in.By, in.Note}
	}
	return reports
}

// repsOf sums up what each rep did until then, who spoke with the customer first in front.
func repsOf(story registry.Case, until time.Time) []followReport {
	reports := []followReport{}
	of := func(rep gate.Rep) *followReport {
		i := slices.IndexFunc(reports, func(r followReport) bool { return r.Rep == rep })
		if i < 0 {
			i, reports = len(reports), append(reports, followReport{Rep: rep})
		}
		return &reports[i]
	}
	for _, d := range story.Dialled {
		if d.At.After(until) {
			continue
		}
		of(d.Rep).Dialled++
		if d.Verdict != gate.Allow.String() {
			of(d.Rep).Refused++
		}
	}
	for _, c := range story.Contacts {
		if c.At.After(until) {
			continue
		}
		r := of(c.Rep)
		r.Answered++
		r.Talk += int64(c.Talk / time.Second)
		if at := whole(c.At); r.First == nil || at.Before(*r.First) {
			r.First = &at
		}
	}
	slices.SortStableFunc(reports, func(a, b followReport) int { return cmp.Or(firstOf(a).Compare(firstOf(b)), cmp.Compare(a.Rep, b.Rep)) })
	return reports
}

// firstOf orders those who never spoke with the customer last.
func firstOf(r followReport) time.Time {
	if r.First == nil {
		return time.Unix(1<<40, 0)
	}
	return *r.First
}

// table prints the answer for people, the division first: it is what they came for.
func (r disputeReport) table(w io.Writer, say disputeWords) {
	title := func(text string) { fmt.Fprintf(w, "\n%s\n", text) }
	fmt.Fprintf(w, "%s\n", r.heading(say))
	if !r.KnownRules {
		fmt.Fprintf(w, "%s\n", r.standIn(say))
	}
	title(say.division)
	if len(r.Division) == 0 {
		fmt.Fprintln(w, say.nobody)
	}
	for _, p := range r.Division {
		row(w, "  "+string(p.Rep), strconv.Itoa(p.Percent)+" %", say.why(p), p.Rule)
	}
	title(say.reps)
	row(w, slices.Clone(say.repHeads)...)
	for _, rep := range r.Reps {
		row(w, string(rep.Rep), cellOf(rep.First), strconv.Itoa(rep.Answered), say.talk(rep.Talk), strconv.Itoa(rep.Dialled), strconv.Itoa(rep.Refused))
	}
	title(say.story)
	for _, line := range r.story(say) {
		row(w, timeCell(line.at), line.text)
	}
	fmt.Fprintf(w, "\n%s\n", r.footing(say))
}

func (r disputeReport) heading(say disputeWords) string {
	owner := string(r.Owner)
	if owner == "" {
		owner = say.nobodyOwner
	}
	scope := ""
	if r.Scope != "" {
		scope = " (" + string(r.Scope) + ")"
	}
	return fmt.Sprintf(say.heading, string(r.Number)+scope, timeCell(r.At), owner, r.Policy)
}

func (r disputeReport) standIn(say disputeWords) string { return fmt.Sprintf(say.standIn, r.Policy) }

func (r disputeReport) footing(say disputeWords) string {
	if r.Oldest == nil {
		return say.noRecords
	}
	return fmt.Sprintf(say.footing, r.Records, timeCell(*r.Oldest))
}

// storyLine is one line of what happened.
type storyLine struct {
	at   time.Time
	text string
}

// story is all that happened, in the order of time.
func (r disputeReport) story(say disputeWords) []storyLine {
	var lines []storyLine
	add := func(at time.Time, format string, values ...any) {
		lines = append(lines, storyLine{at, fmt.Sprintf(format, values...)})
	}
	for _, c := range r.Contacts {
		format := say.spoke
		if c.Later {
			format = say.spokeLater
		}
		add(c.Time, format, c.Rep, say.talk(c.Talk))
	}
	for _, o := range r.Owners {
		add(o.From, say.began, o.Owner, say.name(o.Why))
		if o.To != nil {
			add(*o.To, say.ended, o.Owner, say.name(o.Ended))
		}
	}
	for _, a := range r.Agreements {
		add(a.Time, say.agreed, a.Rep, a.Percent, a.By)
	}
	for _, in := range r.Refusals {
		add(in.Time, say.refusal, say.name(in.What), in.By, in.Note)
	}
	for _, in := range r.Passes {
		add(in.Time, say.pass, say.name(in.What), in.By, in.Note)
	}
	slices.SortStableFunc(lines, func(a, b storyLine) int { return a.at.Compare(b.at) })
	return lines
}
