package dnc

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// northAmerican reads numbers of one country in the spellings that these tests use.
func northAmerican(text string) (gate.Number, error) {
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "").Replace(text)
	digits = strings.TrimPrefix(strings.TrimPrefix(digits, "+"), "00")
	if len(digits) == 10 {
		digits = "1" + digits
	}
	if _, ok := Pack(digits); !ok || len(digits) < 11 {
		return "", fmt.Errorf("cannot read %s", text)
	}
	return gate.Number("+" + digits), nil
}

func zipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(tb, err)
	require.NoError(tb, w.Close())
	return b.String()
}

func TestRead(t *testing.T) {
	one, two := uint64(12125550100), uint64(12125550101)
	for name, c := range map[string]struct {
		text, column string
		numbers      []uint64
		header       string
		problems     []Problem
	}{
		"one a line":            {text: "+12125550100\n+12125550101\n", numbers: []uint64{one, two}},
		"last line without end": {text: "+12125550100\n+12125550101", numbers: []uint64{one, two}},
		"mixed spellings":       {text: "(212) 555-0100\n001 212 555 0101\n1-212-555-0100\n", numbers: []uint64{one, two}},
		"windows":               {text: "\xef\xbb\xbf2125550100\r\n\r\n2125550101\r\n", numbers: []uint64{one, two}},
		"comments and blanks":   {text: "# the list\n\n  \n2125550100 # asked us\n\t# more\n2125550101\n", numbers: []uint64{one, two}},
		"header":                {text: "phone,name\n2125550100,Ann\n2125550101,Bob\n", numbers: []uint64{one, two}, header: "phone,name"},
		"named column": {
			text:   "name;Phone Number\n\"Ann; \"\"A\"\"\";2125550100\nBob;\"212 555 0101\"\n",
			column: "phone number", numbers: []uint64{one, two}, header: "name;Phone Number",
		},
		"column by position": {text: "Ann\t2125550100\nBob\t2125550101\n", column: "2", numbers: []uint64{one, two}},
		"empty first column": {text: "\t2125550100\n\t2125550101\n", column: "2", numbers: []uint64{one, two}},
		"quotes everywhere":  {text: "\"2125550100\",\"x\"\n\"2125550101\",\"y, z\"\n", numbers: []uint64{one, two}},
		"pipes":              {text: "2125550100|a\n2125550101|b\n", numbers: []uint64{one, two}},
		"floating point":     {text: "12125550100.0\n12125550101.0\n", numbers: []uint64{one, two}},
		"rows of nothing":    {text: "2125550100,a\n,,\n;;\n2125550101,b\n", numbers: []uint64{one, two}},
		"empty file":         {text: ""},
		"only a header":      {text: "phone\n", header: "phone"},
		"a header is masked": {text: "phone,2125550101\n2125550100,x\n", numbers: []uint64{one}, header: "phone,2125****01"},
		"vanity is no header": {
			text: "1-800-FLOWERS\n2125550100\n", numbers: []uint64{one},
			problems: []Problem{{1, "1-800-FLOWERS", "cannot read 1-800-FLOWERS"}},
		},
		"unreadable": {
			text: "2125550100\n12345678\nnobody\n2125550101\n", numbers: []uint64{one, two},
			problems: []Problem{{2, "1234**78", "cannot read 1234**78"}, {3, "nobody", "cannot read nobody"}},
		},
		"rounded by a spreadsheet": {
			text: "2125550100\n1.21256E+10\n", numbers: []uint64{one},
			problems: []Problem{{2, "1.212**E+10", errRounded.Error()}},
		},
		"open quote swallows nothing": {
			text: "2125550100,a\n\"2125550101,b\n2125550101,c\n", numbers: []uint64{one, two},
			problems: []Problem{{2, "\"2125****01,b", errQuote.Error()}},
		},
		"text behind a quote": {
			text: "\"2125550100\"7,a\n2125550101,b\n", numbers: []uint64{two},
			problems: []Problem{{1, "\"2125*****0\"7,a", "'7' follows a quoted field where a separator should"}},
		},
		"too few columns": {
			text: "n,phone\nAnn,2125550100\nBob\n", column: "phone", numbers: []uint64{one}, header: "n,phone",
			problems: []Problem{{3, "Bob", "the line has only 1 column"}},
		},
		"empty column": {
			text: "n,phone\nAnn,\nBob,2125550100\n", column: "phone", numbers: []uint64{one}, header: "n,phone",
			problems: []Problem{{2, "Ann,", errEmpty.Error()}},
		},
		"no text": {
			text: "2125550100\n\xff\xfe\x00\x01\n", numbers: []uint64{one},
			problems: []Problem{{2, "????", "cannot read ????"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range []string{c.text, zipped(t, c.text)} {
				got, err := Read(iotest.HalfReader(strings.NewReader(text)), ReadOptions{Normalise: northAmerican, Column: c.column})
				require.NoError(t, err)
				assert.Equal(t, c.numbers, slices.Collect(got.Set.All()))
				assert.Equal(t, c.header, got.Header)
				assert.Equal(t, c.problems, got.Problems)
				assert.Equal(t, len(c.problems), got.Unreadable)
				assert.Equal(t, got.Readable-len(c.numbers), got.Duplicates)
			}
		})
	}
}

func TestReadRefusesWholeFiles(t *testing.T) {
	whole := zipped(t, strings.Repeat("2125550100\n", 100_000))
	for name, c := range map[string]struct{ text, column, want string }{
		"UTF-16":         {"\xff\xfe2\x001\x00", "", "save it as UTF-8"},
		"spreadsheet":    {"PK\x03\x04....", "", "save the sheet as CSV"},
		"cut off gzip":   {whole[:len(whole)/2], "", "past line"},
		"broken gzip":    {"\x1f\x8bxxxxxxxxxx", "", "begins like gzip"},
		"unknown column": {"name,tel\nAnn,2125550100\n", "phone", `names no column "phone"; it begins with: name, tel`},
		"column 0":       {"2125550100\n", "0", "the first is 1"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Read(strings.NewReader(c.text), ReadOptions{Normalise: northAmerican, Column: c.column})
			require.ErrorContains(t, err, c.want)
			assert.Nil(t, got)
		})
	}
	_, err := Read(io.MultiReader(strings.NewReader("2125550100\n"), iotest.ErrReader(errors.New("the disk is gone"))),
		ReadOptions{Normalise: northAmerican})
	require.ErrorContains(t, err, "the disk is gone")
	_, err = Read(strings.NewReader(""), ReadOptions{})
	require.ErrorContains(t, err, "normaliser")
}

// Lines must keep their numbers through the cutting into blocks and the parsing in parallel, also beside lines that
// are longer than a block.
func TestReadKeepsLineNumbers(t *testing.T) {
	var text strings.Builder
	var want []int
	const lines = 200_000
	for line := 1; line <= lines; line++ {
		switch {
		case line%50_021 == 0:
			text.WriteString(strings.Repeat("9", 3*blockSize+line) + "\n")
			want = append(want, line)
		case line%10_007 == 0:
			text.WriteString("bad\n")
			want = append(want, line)
		default:
			fmt.Fprintf(&text, "1212%07d\n", line)
		}
	}
	got, err := Read(strings.NewReader(text.String()), ReadOptions{Normalise: northAmerican})
	require.NoError(t, err)
	var lined []int
	for _, p := range got.Problems {
		lined = append(lined, p.Line)
		assert.Less(t, len(p.Text), 200, "an overlong line is not repeated whole")
	}
	assert.Equal(t, want, lined)
	assert.Equal(t, lines, got.Lines)
	assert.Equal(t, lines-len(want), got.Set.Len())
}

func TestReadLongLineAtTheEnd(t *testing.T) {
	for _, length := range []int{maxLine, maxLine + 1, blockSize - 1, blockSize, blockSize + 1, 3 * blockSize} {
		got, err := Read(strings.NewReader("2125550100\n"+strings.Repeat("7", length)), ReadOptions{Normalise: northAmerican})
		require.NoError(t, err)
		assert.Equal(t, [3]int{2, 1, 1}, [3]int{got.Lines, got.Readable, got.Unreadable}, "%d bytes", length)
	}
}

func TestReadCountsAllAndKeepsTheFirstProblems(t *testing.T) {
	got, err := Read(strings.NewReader("2125550100\n"+strings.Repeat("bad\n", 100_000)), ReadOptions{Normalise: northAmerican})
	require.NoError(t, err)
	assert.Equal(t, 100_000, got.Unreadable)
	require.Len(t, got.Problems, maxProblems)
	assert.Equal(t, maxProblems+1, got.Problems[maxProblems-1].Line)
}

func TestReadTellsProgressInBytesOfTheFile(t *testing.T) {
	for _, text := range []string{strings.Repeat("2125550100\n", 50_000), zipped(t, strings.Repeat("2125550100\n", 50_000))} {
		last := int64(0)
		_, err := Read(strings.NewReader(text), ReadOptions{Normalise: northAmerican, Progress: func(n int64) {
			assert.Greater(t, n, last)
			last = n
		}})
		require.NoError(t, err)
		assert.EqualValues(t, len(text), last)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"2125550100\n", "phone,name\n\"212 555 0100\",\"a\"\"b\"\n", "\xef\xbb\xbfa;b\r\n1;2\r\n", "#\n\n\"\n,\n", "\x1f\x8b", "\"\"\"\",2125550100",
		"12125550100.0\n1E+10\n", "\t\t2125550100\n",
	} {
		f.Add(seed, "")
		f.Add(seed, "2")
		f.Add(seed, "name")
	}
	f.Fuzz(func(t *testing.T, text, column string) {
		got, err := Read(strings.NewReader(text), ReadOptions{Normalise: northAmerican, Column: column})
		if err != nil {
			return
		}
		if got.Readable+got.Unreadable > got.Lines || got.Set.Len()+got.Duplicates != got.Readable {
			t.Fatalf("the counts do not add up: %+v", got)
		}
		for _, p := range got.Problems {
			if p.Line < 1 || p.Line > got.Lines || p.Why == "" {
				t.Fatalf("a problem without place or reason: %+v", p)
			}
			if digits := strings.Map(onlyDigits, p.Text); len(digits) > 6 {
				t.Fatalf("a problem shows %d digits: %q", len(digits), p.Text)
			}
		}
	})
}

func onlyDigits(r rune) rune {
	if r >= '0' && r <= '9' {
		return r
	}
	return -1
}

func BenchmarkRead(b *testing.B) {
	normaliser, err := gate.NewNormaliser("US", []string{"911"}, "")
	require.NoError(b, err)
	for name, spell := range map[string]string{"e164": "+%d\n", "csv": "%d,\"Doe, Jane\",x\n"} {
		var text strings.Builder
		for _, n := range some(seeded(), 1_000_000, assignedNumber(b)) {
			fmt.Fprintf(&text, spell, n)
		}
		for kind, normalise := range map[string]func(string) (gate.Number, error){
			"gate's normaliser": normaliser.Number,
			"reading alone":     func(s string) (gate.Number, error) { return gate.Number(s), nil },
		} {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.SetBytes(int64(text.Len()))
				for b.Loop() {
					got, err := Read(strings.NewReader(text.String()), ReadOptions{Normalise: normalise})
					require.NoError(b, err)
					require.Equal(b, 1_000_000, got.Readable)
				}
			})
		}
	}
}
