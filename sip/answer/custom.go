package answer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ringfence/ringfence/gate"
)

// Profiles makes the profiles that peers name.
type Profiles struct {
	Custom   map[string]Custom // by name: sip.answers
	Language string            // en | zh, where a custom profile does not say another; "" is en
	Card     string            // https address of the business card that 608 points to (RFC 8688)
}

// Custom is a profile of the configuration: a built-in one with other answers to some reasons.
type Custom struct {
	BasedOn  string `yaml:"based_on"` // the built-in profile whose answers hold where nothing else is said; default phone
	Owner    string `yaml:"owner"`    // shown | hidden: is the owner named? default: as in based_on
	Language string `yaml:"language"` // en | zh; default: that of the configuration

	DNC           Override `yaml:"dnc"`
	Refused       Override `yaml:"refused"`
	Owned         Override `yaml:"owned"`
	InFlight      Override `yaml:"in_flight"`
	Frequency     Override `yaml:"frequency"`
	Hours         Override `yaml:"hours"`
	Territory     Override `yaml:"territory"`
	Quota         Override `yaml:"quota"`
	InvalidNumber Override `yaml:"invalid_number"`
	UnknownRep    Override `yaml:"unknown_rep"`
	RegistryDown  Override `yaml:"registry_down"`

	Codes Override `yaml:"codes"` // status and cause of the answer to every feature code; its words are what came of it
}

// Override is another answer to one reason; what is left out stays as in the profile it is based on.
type Override struct {
	Status int    `yaml:"status"` // SIP status, 400 to 699
	Cause  int    `yaml:"cause"`  // Q.850 cause, 1 to 127
	Phrase string `yaml:"phrase"` // of the status line, ASCII; {owner} is the owner's id
	Text   string `yaml:"text"`   // of Reason and Warning, any script; default: phrase
}

func (c *Custom) overrides() map[gate.Reason]Override {
	return map[gate.Reason]Override{
		gate.DNC: c.DNC, gate.Refused: c.Refused, gate.Owned: c.Owned, gate.InFlight: c.InFlight,
		gate.Frequency: c.Frequency, gate.Hours: c.Hours, gate.Territory: c.Territory, gate.Quota: c.Quota,
		gate.InvalidNumber: c.InvalidNumber, gate.UnknownRep: c.UnknownRep, gate.RegistryDown: c.RegistryDown,
	}
}

const (
	ownerShown  = "shown"
	ownerHidden = "hidden"
)

// Named makes the profile of that name; "" is phone.
func (p Profiles) Named(name string) (*Profile, error) {
	c, base, err := p.find(name)
	if err != nil {
		return nil, err
	}
	made := &Profile{
		Name:     cmp.Or(name, standard),
		language: cmp.Or(c.Language, p.Language, english),
		hidden:   c.Owner == ownerHidden || c.Owner == "" && base.hidden,
		prepared: make(map[gate.Reason]prepared, len(base.answers)),

		served:     code{cmp.Or(c.Codes.Status, base.served.status), cmp.Or(c.Codes.Cause, base.served.cause)},
		causeFirst: base.causeFirst,
	}
	overrides := c.overrides()
	for reason, code := range base.answers {
		said := words[reason][made.language]
		f := form{code: code, phrase: words[reason][english].short, short: said.short, long: said.long, causeFirst: base.causeFirst}
		if base.card {
			f.card = p.Card
		}
		made.prepared[reason] = f.overridden(overrides[reason]).prepare()
		if reason == gate.InvalidNumber {
			made.incomplete = f.incomplete(made.language).overridden(overrides[reason]).prepare()
		}
	}
	return made, nil
}

// find is a custom profile with the built-in one under it, or a built-in one by itself.
func (p Profiles) find(name string) (Custom, profile, error) {
	c, custom := p.Custom[name]
	under := cmp.Or(name, standard)
	if custom {
		under = cmp.Or(c.BasedOn, standard)
	}
	base, ok := builtin[under]
	if !ok {
		known := append(Names(), slices.Sorted(maps.Keys(p.Custom))...)
		return c, base, fmt.Errorf("unknown profile %q: use one of %s, or describe it under sip.answers", under, strings.Join(known, ", "))
	}
	return c, base, nil
}

// NeedsCard says whether the profile of that name points to the business card.
func (p Profiles) NeedsCard(name string) bool {
	_, base, err := p.find(name)
	return err == nil && base.card
}

// incomplete is the answer to an invalid number that lacks digits, where it is 404: a phone that sends digits one by one
// goes on after 484, and each longer INVITE is a call of its own (RFC 3578).
func (f form) incomplete(language string) form {
	if f.status != 404 {
		return f
	}
	said := digitsMissing[language]
	f.status, f.phrase, f.short, f.long = 484, digitsMissing[english].short, said.short, said.long
	return f
}

// overridden is f with what o says.
func (f form) overridden(o Override) form {
	f.status, f.cause = cmp.Or(o.Status, f.status), cmp.Or(o.Cause, f.cause)
	f.phrase = cmp.Or(o.Phrase, f.phrase)
	if said := cmp.Or(o.Text, o.Phrase); said != "" {
		f.short, f.long = said, said
	}
	return f
}
