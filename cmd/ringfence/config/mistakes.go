package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// maxMistakes is how many are kept: nobody reads more, and a hostile file shall not fill the memory with them.
const maxMistakes = 100

// Mistake is one thing that is wrong with a configuration.
type Mistake struct {
	Source string `json:"source"`         // file name, variable or --set
	Line   int    `json:"line,omitempty"` // in a file; 0 when the key is nowhere
	Key    string `json:"key,omitempty"`  // such as sip.peers[0].from[1]
	Text   string `json:"text"`           // what is wrong and what to write instead
}

func (m Mistake) Error() string {
	var b strings.Builder
	b.WriteString(m.Source)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d", m.Line)
	}
	b.WriteString(": ")
	if m.Key != "" {
		b.WriteString(m.Key + ": ")
	}
	b.WriteString(m.Text)
	return b.String()
}

// Mistakes are all that is wrong, in the order of the file.
type Mistakes []Mistake

func (ms Mistakes) Error() string {
	lines := make([]string, len(ms))
	for i, m := range ms {
		lines[i] = m.Error()
	}
	return strings.Join(lines, "\n")
}

// origin is where a value was written.
type origin struct {
	source string
	line   int
}

// origins knows where each key was written; "" stands for the file as a whole.
type origins map[string]origin

// of finds the place of key, or of the nearest key around it that is written.
func (o origins) of(key string) origin {
	for key != "" {
		if found, ok := o[key]; ok {
			return found
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return o[""]
}

// keyPrefix is how every Validate begins a mistake: the key path, a colon, a space.
var keyPrefix = regexp.MustCompile(`^([a-z][a-z0-9_]*(?:\[\d+\]|\.[^\s.:\[\]]+)*): `)

// locate turns what a part's Validate returned, joined errors included, into mistakes with places.
func (o origins) locate(err error) Mistakes {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all Mistakes
		for _, e := range joined.Unwrap() {
			all = append(all, o.locate(e)...)
		}
		return all
	}
	var key string
	text := err.Error()
	if m := keyPrefix.FindStringSubmatch(text); m != nil {
		key, text = m[1], text[len(m[0]):]
	}
	at := o.of(key)
	return Mistakes{{Source: at.source, Line: at.line, Key: key, Text: text}}
}

// sorted puts mistakes in the file's order, without repetitions, and returns nil as an error when there are none.
func (ms Mistakes) sorted() error {
	if len(ms) == 0 {
		return nil
	}
	slices.SortStableFunc(ms, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line))
	})
	ms = slices.Compact(ms)
	if len(ms) > maxMistakes {
		ms = append(ms[:maxMistakes], Mistake{Source: ms[0].Source, Text: "there are more mistakes; correct these first"})
	}
	return ms
}

// AsMistakes finds the mistakes in err.
func AsMistakes(err error) (Mistakes, bool) { return errors.AsType[Mistakes](err) }

// suggest names the candidate that was probably meant, or says which there are.
func suggest(word string, candidates []string) string {
	if best := nearest(word, candidates); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "known here: " + strings.Join(candidates, ", ")
}

// nearest is the candidate that takes the fewest changes of one letter to word, if these are a third of it at most.
func nearest(word string, candidates []string) string {
	best, fewest := "", (len(word)+1)/3+1
	for _, c := range candidates {
		if d := distance(word, c); d < fewest {
			best, fewest = c, d
		}
	}
	if best == "" && len(word) <= 3 {
		for _, c := range candidates {
			if len(c) <= 4 && distance(word, c) <= 1 {
				return c
			}
		}
	}
	return best
}

// distance is Levenshtein's, over bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
