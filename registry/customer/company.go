package customer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// forms are the legal forms as lists of words, the longest first.
type forms struct{ after, before [][]string }

func newForms(more []string) (f forms) {
	for _, country := range legalForms {
		for _, form := range country.after {
			f.after = append(f.after, companyWords(form))
		}
		for _, form := range country.before {
			f.before = append(f.before, companyWords(form))
		}
	}
	for _, form := range more {
		f.after = append(f.after, companyWords(form))
	}
	longest := func(a, b []string) int { return len(strings.Join(b, "")) - len(strings.Join(a, "")) }
	slices.SortStableFunc(f.after, longest)
	slices.SortStableFunc(f.before, longest)
	return f
}

// company is what is compared of a company's name: its words without legal forms, joined. A name that is nothing but a
// legal form stays, and a name without a letter or a digit is "".
func (f forms) company(name string) string {
	words := companyWords(name)
	for {
		rest, cut := f.cut(words)
		if !cut {
			return strings.Join(words, "")
		}
		words = rest
	}
}

// cut takes one legal form off, unless nothing would be left.
func (f forms) cut(words []string) ([]string, bool) {
	for _, form := range f.after {
		if rest, ok := cutEnd(words, form); ok {
			return rest, true
		}
	}
	for _, form := range f.before {
		if rest, ok := cutStart(words, form); ok {
			return rest, true
		}
	}
	return words, false
}

// cutEnd: forms in scripts that write no blanks may be part of the last word.
func cutEnd(words, form []string) ([]string, bool) {
	if n := len(words) - len(form); n > 0 && slices.Equal(words[n:], form) {
		return words[:n], true
	}
	last := len(words) - 1
	if len(form) != 1 || last < 0 || !unspaced(form[0]) {
		return nil, false
	}
	rest, ok := strings.CutSuffix(words[last], form[0])
	if !ok || rest == "" {
		return nil, false
	}
	return append(slices.Clone(words[:last]), rest), true
}

func cutStart(words, form []string) ([]string, bool) {
	if len(words) > len(form) && slices.Equal(words[:len(form)], form) {
		return words[len(form):], true
	}
	if len(form) != 1 || len(words) == 0 || !unspaced(form[0]) {
		return nil, false
	}
	rest, ok := strings.CutPrefix(words[0], form[0])
	if !ok || rest == "" {
		return nil, false
	}
	return append([]string{rest}, words[1:]...), true
}

// unspaced: the script of the form writes no blanks between words.
func unspaced(form string) bool {
	return !strings.ContainsFunc(form, func(r rune) bool { return !isUnspaced(r) })
}

func isUnspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
}

// companyWords are the words of a name in the form in which they are compared: see fold, and "&" as "and". Dots, slashes
// and apostrophes join what they stand between, other signs part it; so do blanks, except between characters of scripts
// without them and between single letters (S. A. is SA).
func companyWords(name string) []string {
	var words []string
	single := false // the last word is a row of single letters
	for word := range strings.FieldsSeq(strings.Map(companyRune, spelledOut.Replace(fold(name)))) {
		n, letter := len(words), isLetter(word)
		if n > 0 && (letter && single || isUnspaced(lastRune(words[n-1])) && isUnspaced(firstRune(word))) {
			words[n-1] += word
			continue
		}
		words, single = append(words, word), letter
	}
	return words
}

// spelledOut replaces signs that stand for words.
var spelledOut = strings.NewReplacer("&", " and ", "(株)", "株式会社", "(有)", "有限会社", "(주)", "주식회사")

func isLetter(word string) bool { return len(word) == 1 && word[0] >= 'a' && word[0] <= 'z' }

func firstRune(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }
func lastRune(s string) rune  { r, _ := utf8.DecodeLastRuneInString(s); return r }

func companyRune(r rune) rune {
	switch {
	case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
		return r
	case r == '.' || r == '\'' || r == '’' || r == '·' || r == '/':
		return -1
	default:
		return ' '
	}
}

// fold makes what looks alike the same: compatible characters (NFKC), case, accents of Latin letters.
func fold(s string) string {
	s = strings.ToLower(norm.NFKC.String(s))
	var b strings.Builder
	b.Grow(len(s))
	latin := false
	for _, r := range norm.NFD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r) && latin:
		case r == 'ß':
			b.WriteString("ss")
		default:
			latin = unicode.Is(unicode.Latin, r)
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}
