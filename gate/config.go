package gate

import "fmt"

// Config is the policy: how numbers are read and which rules hold. Field comments give default and unit; Defaults fills
// them in before the file is read over them.
type Config struct {
	Region    string   `yaml:"region"`   // ISO 3166 code: how national numbers are read. No default
	Extension string   `yaml:"-"`        // sip.extensions.pattern, anchored; copied here by the loader
	Keep      Duration `yaml:"-"`        // records.keep, 30d: how long records are kept; copied here by the loader
	Timezone  string   `yaml:"timezone"` // IANA name: whose midnight ends a day. Default: the host's
	Codes     Codes    `yaml:"-"`        // sip.codes; copied here by the loader
	Rules     Rules    `yaml:"rules"`
}

// Rules are the keys under `rules:`.
type Rules struct {
	Emergency      []string            `yaml:"emergency"` // exact; default: the region's short emergency numbers
	Claim          ClaimRule           `yaml:"claim"`
	Protection     Duration            `yaml:"protection"` // 30d: an owner is protected so long after the last answered call
	Owned          OwnedRule           `yaml:"owned"`
	Levels         map[string]Duration `yaml:"levels"`          // none: protection by the level of the customer
	ProtectionMost Duration            `yaml:"protection_most"` // 0s, off: no ownership lasts longer than this, contact or not
	NoDeal         Duration            `yaml:"no_deal"`         // 0s, off: no ownership without a closed deal lasts longer
	Deal           DealRule            `yaml:"deal"`
	Holdings       HoldingsRule        `yaml:"holdings"`
	Pass           PassRule            `yaml:"pass"`
	Shadow         ShadowRule          `yaml:"shadow"`
	Refused        RefusedRule         `yaml:"refused"`
	Division       DivisionRule        `yaml:"division"`         // how a result is divided; no call is decided by it
	OnRegistryDown Outage              `yaml:"on_registry_down"` // allow | block, default allow
	Lease          Duration            `yaml:"lease"`            // 60s: a reservation outlives a dead gate by no more than this
	MaxCall        Duration            `yaml:"max_call"`         // 4h: a call whose BYE never came is taken as ended then
	Budget         Duration            `yaml:"budget"`           // 40ms: how long a call waits for the registry

	UnknownRep  UnknownAction `yaml:"unknown_rep"` // allow | block, default allow: a rep who is not among the people
	Territories TerritoryRule `yaml:"territories"`
	Requests    RequestsRule  `yaml:"requests"` // what reps may ask for, and who answers
	Stages      []StageRule   `yaml:"stages"`   // the follow-up process; default: none

	Pool     PoolRule     `yaml:"pool"`
	Offboard OffboardRule `yaml:"offboard"`
}

// ClaimRule says what makes an owner.
type ClaimRule struct {
	MinTalk     Duration `yaml:"min_talk"`    // 10s of talk make a claim firm
	Provisional Duration `yaml:"provisional"` // 0s: an unanswered first call keeps colleagues away for so long
}

// OwnedRule says what becomes of a call to somebody else's customer.
type OwnedRule struct {
	Action OwnedAction `yaml:"action"` // block | redirect, default block
	By     OwnedBy     `yaml:"by"`     // rep | team, default rep: who may ring it
}

// RefusedRule says what counts as a refusal and for how long.
type RefusedRule struct {
	CoolDown Duration `yaml:"cool_down"` // 30d
	On603    bool     `yaml:"on_603"`    // true: 603 from the trunk without a network-block mark is the customer's no; 607 always is
}

// Outage says what becomes of a call that needs the registry when the registry does not answer. Its zero value blocks.
type Outage uint8

// The two ways through an outage.
const (
	OutageBlock Outage = iota
	OutageAllow
	outageCount
)

var outageNames = [outageCount]string{"block", "allow"}

func (o Outage) String() string { return nameOf(outageNames[:], uint8(o), "outage") }

// MarshalText writes the name.
func (o Outage) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads "allow" or "block".
func (o *Outage) UnmarshalText(text []byte) error {
	i, err := indexOf(outageNames[:], string(text))
	*o = Outage(i)
	return err
}

// OwnedAction says what becomes of a call to somebody else's customer. Its zero value blocks.
type OwnedAction uint8

// The two actions.
const (
	OwnedBlock OwnedAction = iota
	OwnedRedirect
	ownedActionCount
)

var ownedActionNames = [ownedActionCount]string{"block", "redirect"}

func (a OwnedAction) String() string { return nameOf(ownedActionNames[:], uint8(a), "action") }

// MarshalText writes the name.
func (a OwnedAction) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads "block" or "redirect".
func (a *OwnedAction) UnmarshalText(text []byte) error {
	i, err := indexOf(ownedActionNames[:], string(text))
	*a = OwnedAction(i)
	return err
}

// nameOf is the name of value i of a closed set, or something that shows it is none.
func nameOf(names []string, i uint8, set string) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%s(%d)", set, i)
}

// indexOf is the inverse of nameOf. The value that comes with an error is 0, the one that blocks.
func indexOf(names []string, name string) (uint8, error) {
	for i, n := range names {
		if n == name {
			return uint8(i), nil
		}
	}
	return 0, fmt.Errorf("%q is not one of %s", clip(name), list(names))
}
