package gate

import (
	"fmt"
	"strings"
	"time"
)

// StageRule is one stage that a customer goes through, in the order of rules.stages.
type StageRule struct {
	Name        string    `yaml:"name"`        // a-z, 0-9, "-" and "_"
	Limit       Duration  `yaml:"limit"`       // how long a number may stay; 0s: as long as it likes
	Then        StageThen `yaml:"then"`        // recycle | next | warn, default warn: what becomes of it then
	Protection  Duration  `yaml:"protection"`  // entering it protects the owner for at least so long; 0s: changes nothing
	Responsible string    `yaml:"responsible"` // id of the rep who is responsible in it; default: the owner
}

// StageThen says what becomes of a number that has been in a stage for too long. Its zero value only warns.
type StageThen uint8

// What may become of it.
const (
	StageWarn    StageThen = iota // it stays, and is told once
	StageNext                     // it enters the next stage
	StageRecycle                  // it goes into the pool
	stageThenCount
)

var stageThenNames = [stageThenCount]string{"warn", "next", "recycle"}

func (s StageThen) String() string { return nameOf(stageThenNames[:], uint8(s), "then") }

// MarshalText writes the name.
func (s StageThen) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "warn", "next" or "recycle".
func (s *StageThen) UnmarshalText(text []byte) error {
	i, err := indexOf(stageThenNames[:], string(text))
	*s = StageThen(i)
	return err
}

// mostStages bounds a follow-up process.
const mostStages = 32

// Stage finds a stage by its name, and the one after it; "" when it is the last.
func (r Rules) Stage(name string) (stage StageRule, next string, ok bool) {
	for i, s := range r.Stages {
		if s.Name != name {
			continue
		}
		if i+1 < len(r.Stages) {
			next = r.Stages[i+1].Name
		}
		return s, next, true
	}
	return StageRule{}, "", false
}

func validateStages(stages []StageRule, wrong func(key, format string, args ...any)) {
	if len(stages) > mostStages {
		wrong("rules.stages", "%d stages are too many; at most %d are allowed", len(stages), mostStages)
	}
	seen := make(map[string]bool)
	for i, s := range stages {
		key := fmt.Sprintf("rules.stages[%d]", i)
		if s.Name == "" || len(s.Name) > 32 || strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			wrong(key+".name", "%q is no name for a stage; write 1 to 32 of a-z, 0-9, - and _", clip(s.Name))
		}
		if seen[s.Name] {
			wrong(key+".name", "%q is the name of two stages; give each its own", clip(s.Name))
		}
		seen[s.Name] = true
		if d := s.Limit.Std(); d != 0 && (d < time.Second || d > 3650*day) {
			wrong(key+".limit", "%s is out of range; allowed are 1s to 3650d, or 0s for none", s.Limit)
		}
		if d := s.Protection.Std(); d != 0 && (d < time.Second || d > 3650*day) {
			wrong(key+".protection", "%s is out of range; allowed are 1s to 3650d, or 0s for none of its own", s.Protection)
		}
		if s.Then >= stageThenCount {
			wrong(key+".then", "%s is not one of %s", s.Then, list(stageThenNames[:]))
		}
		if s.Then == StageNext && i == len(stages)-1 {
			wrong(key+".then", "next leads nowhere: %q is the last stage; write warn or recycle", clip(s.Name))
		}
		if s.Then != StageWarn && s.Limit == 0 {
			wrong(key+".then", "%s never comes without a limit; give limit a time, or leave then out", s.Then)
		}
		if s.Responsible != "" && wrongStep(s.Responsible) != "" {
			wrong(key+".responsible", "%q %s; write one rep's id", clip(s.Responsible), wrongStep(s.Responsible))
		}
	}
}
