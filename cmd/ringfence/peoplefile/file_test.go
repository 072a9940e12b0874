package peoplefile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
	"github.com/ringfence/ringfence/registry/people"
)

// applied is what a file makes of a Book.
func applied(t *testing.T, name, text string, b people.Book, o Options) people.Book {
	t.Helper()
	f, mistakes := Read(name, strings.NewReader(text))
	require.Empty(t, mistakes)
	f.Apply(&b, o)
	return b
}

func TestCSV(t *testing.T) {
	b := people.NewBook()
	b.Reps["202"] = people.Person{Name: "Li Na", Team: "west", Holdings: 7}
	b.Reps["203"] = people.Person{Name: "Chen"}
	b = applied(t, "staff.CSV", "\ufeffID,Name,Team,Identities,Supervisor,Daily Claims\r\n"+
		"201,\"Zhang, Wei\",east,zhang.wei;+8613800000000,YES,20\r\n"+
		"\r\n"+
		"202,Li Na,,,,\r\n", b, Options{})
	require.Equal(t, people.Person{
		Name: "Zhang, Wei", Team: "east", Identities: []string{"zhang.wei", "+8613800000000"}, Supervisor: true, DailyClaims: 20,
	}, b.Reps["201"])
	require.Equal(t, people.Person{Name: "Li Na", Holdings: 7}, b.Reps["202"], "no column: it stays. An empty cell: it goes")
	require.Equal(t, people.Person{Name: "Chen"}, b.Reps["203"], "not in the file")

	for _, separator := range []string{";", "\t"} {
		b := applied(t, "x.csv", strings.ReplaceAll("id|name|left\n201|Zhang, Wei|1\n", "|", separator), people.NewBook(), Options{})
		require.Equal(t, people.Person{Name: "Zhang, Wei", Left: true}, b.Reps["201"])
	}
}

func TestYAML(t *testing.T) {
	b := people.NewBook()
	b.Teams["east"] = people.Team{Scope: "loans", Queue: "700"}
	b.Reps["202"] = people.Person{Name: "Li Na", Team: "west", Supervisor: true}
	b = applied(t, "staff.yaml", `
teams:
  - {id: east, queue: "701"}
  - {id: west, scope: cards}
reps:
  - id: 0201          # taken as written
    name: Zhang Wei
    identities: [zhang.wei, 201]
    holdings: 300
  - {id: "202", supervisor: no, team: ~}
`, b, Options{})
	require.Equal(t, map[gate.Team]people.Team{"east": {Scope: "loans", Queue: "701"}, "west": {Scope: "cards"}}, b.Teams)
	require.Equal(t, people.Person{Name: "Zhang Wei", Identities: []string{"zhang.wei", "201"}, Holdings: 300}, b.Reps["0201"])
	require.Equal(t, people.Person{Name: "Li Na"}, b.Reps["202"])
}

func TestOptions(t *testing.T) {
	old := people.NewBook()
	old.Reps["201"], old.Reps["202"] = people.Person{}, people.Person{Team: "west"}
	b := applied(t, "x.csv", "id,team\n201,east\n", old.Clone(), Options{Prune: true, AddTeams: true})
	require.True(t, b.Reps["202"].Left, "who is not in the file has left")
	require.False(t, b.Reps["201"].Left)
	require.Contains(t, b.Teams, gate.Team("east"))
	b = applied(t, "x.csv", "id,team\n201,east\n", old.Clone(), Options{})
	require.False(t, b.Reps["202"].Left)
	require.Empty(t, b.Teams)
}

// TestMistakes: each with its line and field, all at once.
func TestMistakes(t *testing.T) {
	for _, test := range []struct{ name, text, says string }{
		{"x.csv", "", "it is empty"},
		{"x.yaml", "", "it is empty"},
		{"x.yaml", "# nothing\n", "it is empty"},
		{"x.txt", "id\n201\n", "its name ends neither"},
		{"x.csv", "name,team\nx,y\n", "line 1: id: the first line names no such column"},
		{"x.csv", "id,phone\n201,1\n", `line 1: "phone": there is no such column; there are: id, name`},
		{"x.csv", "id,name,Name\n201,1,2\n", "line 1: name: this column is there twice"},
		{"x.csv", "id,name\n201,Zhang, Wei\n", `line 2: there are 3 values and 2 columns; is a value with "," in it not quoted?`},
		{"x.csv", "id,name\n\n,Zhang\n", "line 3: id: it is empty"},
		{"x.csv", "id,name\n201,a\n202,\"b\nc\"\n201,d\n", `line 5: id: "201" is on line 2 already`},
		{"x.csv", "id,supervisor\n201,maybe\n", `line 2: supervisor: "maybe" is neither yes nor no`},
		{"x.csv", "id,holdings\n201,many\n", `line 2: holdings: "many" is no whole number`},
		{"x.csv", "id,holdings\n201,99999999999999999999\n", `line 2: holdings: "99999999999999999999" is no whole number`},
		{"x.csv", "id,name\n201,\"Zhang\n", "line 2: extraneous or missing \" in quoted-field"},
		{"x.csv", "id,name\n201,Zh\xffang\n", "line 2: it is not UTF-8"},
		{"x.yaml", "reps: {}\n", "line 1: here belongs a list"},
		{"x.yaml", "[1, 2]\n", "line 1: here belongs teams"},
		{"x.yaml", "people: []\n", `line 1: "people": there is no such list`},
		{"x.yaml", "reps:\n- {name: x}\n", "line 2: id: it is missing"},
		{"x.yaml", "reps:\n- {id: 201, phone: 1}\n", "line 2: phone: there is no such field"},
		{"x.yaml", "reps:\n- {id: 201, name: [a, b]}\n", "line 2: name: there are 2 values"},
		{"x.yaml", "reps:\n- {id: 201, name: {a: b}}\n", "line 2: name: here belongs a value"},
		{"x.yaml", "reps:\n- {id: 201, name: a, name: b}\n", `line 2: "name": this key is there twice`},
		{"x.yaml", "reps:\n- 201\n", "line 2: here belongs {id: ..."},
		{"x.yaml", "reps: &a\n- {id: 201, identities: *a}\n", "line 2: identities: here belongs a value"},
		{"x.yaml", "reps: []\n---\nreps: []\n", "a second document begins here"},
		{"x.yaml", "reps: [\n", "it is no YAML: "},
		{"x.yaml", "teams:\n- {id: a}\n- {id: a}\n", `line 3: id: "a" is on line 2 already`},
		{"x.csv", "id\n" + strings.Repeat("x", maxBytes), "it is larger than 32 MiB"},
	} {
		f, mistakes := Read(test.name, strings.NewReader(test.text))
		require.NotEmpty(t, mistakes, test.says)
		require.Contains(t, mistakes[0].Error(), test.says, "%.40q", test.text)
		_ = f
	}
	_, mistakes := Read("x.csv", strings.NewReader("id,holdings,supervisor\n201,x,y\n202,-,no\n203,1,z\n"))
	require.Len(t, mistakes, 4, "all at once")
}

// TestLocate: what only shows when everybody is looked at has a line too.
func TestLocate(t *testing.T) {
	f, mistakes := Read("x.yaml", strings.NewReader("teams:\n- {id: a, scope: 'b c'}\nreps:\n- id: 201\n  name: x\n  team: west\n- {id: 202}\n"))
	require.Empty(t, mistakes)
	b := people.NewBook()
	f.Apply(&b, Options{})
	located := f.Locate(append(b.Check(people.NewBook(), nil), people.Mistake{Rep: "999", Field: "name", Text: "odd"}, people.Mistake{Rep: "202", Field: "name", Text: "odd"}))
	require.Len(t, located, 4)
	require.Equal(t, `rep 999: name: odd`, located[0].Error())
	require.Contains(t, located[1].Error(), `line 2: scope: "b c" cannot be a scope's`)
	require.Equal(t, `line 6: team: there is no team "west"`, located[2].Error())
	require.Equal(t, "line 7: name: odd", located[3].Error())
}

// roundTrip writes a Book and reads it again, over one in which everything is different.
func roundTrip(t *testing.T, name string, write func(*bytes.Buffer, people.Book) error, b people.Book) people.Book {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, write(&text, b))
	other := people.NewBook()
	for id := range b.Reps {
		other.Reps[id] = people.Person{Name: "x", Team: "x", Extension: "1", Identities: []string{"x"}, Supervisor: true, Holdings: 1, DailyClaims: 1, Left: true}
	}
	for id := range b.Teams {
		other.Teams[id] = people.Team{Scope: "x", Queue: "1"}
	}
	return applied(t, name, text.String(), other, Options{})
}

func TestExportIsReadAgain(t *testing.T) {
	b := people.NewBook()
	b.Teams["华东"] = people.Team{Scope: "loans", Queue: "0700"}
	b.Teams["west"] = people.Team{}
	b.Reps["201"] = people.Person{Name: `Zhang "Wei", #1: {x}`, Team: "华东", Extension: "0201", Identities: []string{"zhang.wei", "+86138"}, Supervisor: true, Holdings: 300, DailyClaims: 20}
	b.Reps["on"] = people.Person{Name: strings.Repeat("very long ", 12) + "name", Left: true}
	b.Reps["~"] = people.Person{Name: "null"}
	b.Reps["1e3"] = people.Person{}
	got := roundTrip(t, "x.yaml", func(w *bytes.Buffer, b people.Book) error { return WriteYAML(w, b) }, b)
	require.Empty(t, people.Diff(b, got))
	got = roundTrip(t, "x.csv", func(w *bytes.Buffer, b people.Book) error { return WriteCSV(w, b) }, b)
	got.Teams = b.Teams
	require.Empty(t, people.Diff(b, got))
}

// FuzzCSV: whatever a file holds, it is people who can be written and read again, or mistakes.
func FuzzCSV(f *testing.F) {
	f.Add("id,name\n201,Zhang\n")
	f.Add("\ufeffid;identities;holdings\r\n\"201\";\"a;b\";7\r\n")
	f.Add("id,left\n201,\"y\nes\"\n\n,\n")
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "x.csv", text) })
}

// FuzzYAML: likewise.
func FuzzYAML(f *testing.F) {
	f.Add("teams: [{id: east, queue: 700}]\nreps:\n- {id: 201, identities: [a, b], left: yes}\n")
	f.Add("a: &a [*a]\nreps: *a\n")
	f.Add("reps: !!binary aGk=\n? [a]\n: b\n---\n")
	f.Fuzz(func(t *testing.T, text string) { fuzz(t, "x.yaml", text) })
}

func fuzz(t *testing.T, name, text string) {
	file, mistakes := Read(name, strings.NewReader(text))
	for _, m := range mistakes {
		require.NotEmpty(t, m.Text)
		require.LessOrEqual(t, m.Line, 2+strings.Count(text, "\n")+strings.Count(text, "\r")+strings.Count(text, "\u0085")+strings.Count(text, "\u2028")+strings.Count(text, "\u2029"))
	}
	if len(mistakes) > 0 {
		return
	}
	b := people.NewBook()
	file.Apply(&b, Options{AddTeams: true})
	if found := b.Check(people.NewBook(), nil); len(found) > 0 {
		require.Len(t, file.Locate(found), len(found))
		return
	}
	again := roundTrip(t, "x.yaml", func(w *bytes.Buffer, b people.Book) error { return WriteYAML(w, b) }, b)
	require.Empty(t, people.Diff(b, again))
	people.NewSnapshot(b)
}
