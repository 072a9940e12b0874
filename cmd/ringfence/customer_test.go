package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCustomerCommands(t *testing.T) {
	d := newDesk(t)
	acme := d.json(0, "customer", "add", "--field", "name=Acme Inc.", "--field", "phone=(212) 555-0100", "--field", "phone=+12125550101")
	subset(t, acme, `{"type":"company","changed":"added","owned":false,"fields":{"name":["Acme Inc."],"phone":["+12125550100","+12125550101"]}}`)
	id := acme["customer"].(string)

	taken := d.run("customer", "add", "--field", "name=Other", "--field", "phone=212.555.0101")
	require.Equal(t, 3, taken.code, taken.stderr)
	require.Contains(t, taken.stderr, "the phone is that of customer "+id+" (no owner)")
	same := d.run("customer", "add", "--field", "name=ACME", "--field", "phone=+12125550100", "--field", "phone=+12125550101")
	require.Equal(t, 3, same.code, "adding it twice is a duplicate too")

	for _, text := range []string{"acme", "ＡＣＭＥ, Inc", "212-555-0100"} {
		found := d.list(3, "customer", "find", text)
		require.Len(t, found, 1, text)
		subset(t, found[0], `{"customer":"`+id+`","owned":false,"fields":{"name":["Ac***"],"phone":["+1212*****00","+1212*****01"]}}`)
	}
	require.Empty(t, d.list(0, "customer", "find", "+12125550199"))

	subset(t, d.json(0, "customer", "set", id, "--field", "phone=+12125550102", "--field", "email=Li@Example.com"),
		`{"changed":"changed","fields":{"name":["Acme Inc."],"phone":["+12125550102"],"email":["Li@example.com"]}}`)
	require.Empty(t, d.list(0, "customer", "find", "+12125550100"))
	subset(t, d.json(0, "customer", "set", id, "--clear", "email"), `{"fields":{"name":["Acme Inc."],"phone":["+12125550102"]}}`)
	subset(t, d.json(0, "customer", "show", id), `{"customer":"`+id+`","source":null}`)
	subset(t, d.json(0, "customer", "remove", id), `{"changed":"removed"}`)
	gone := d.run("customer", "show", id)
	require.Equal(t, 1, gone.code)
	require.Contains(t, gone.stderr, "there is no customer")

	for _, wrong := range []string{
		"add --field nme=x", "add --field name", "add --field phone=+12125550100", "add --field name=x --type person",
		"set " + id, "set " + id + " --field name=x --clear name", "import x.csv --on-duplicate perhaps", "import x.csv --map a",
	} {
		require.Equal(t, 2, d.run(append([]string{"customer"}, strings.Fields(wrong)...)...).code, wrong)
	}
}

func TestFindKeepsToThePolicy(t *testing.T) {
	d := newDesk(t)
	d.json(0, "customer", "add", "--field", "name=Acme", "--field", "tax_id=DE123456")
	d.base = append(d.base, "--set", "customers.find.fields=full")
	subset(t, d.list(3, "customer", "find", "de 123-456")[0], `{"field":"tax_id","fields":{"name":["Acme"],"tax_id":["DE123456"]}}`)
	d.base = append(d.base, "--set", "customers.find.fields=masked",
		"--set", "customers.types={company: {fields: {name: {kind: company, unique: true}, tax_id: {unique: true, mask: false}}}}")
	subset(t, d.list(3, "customer", "find", "acme")[0], `{"fields":{"name":["Ac***"],"tax_id":["DE123456"]}}`)

	d.json(0, "owner", "claim", "+12125550100", "--rep", "201")
	owned := d.list(3, "customer", "find", "+12125550100")[0]
	subset(t, owned, `{"type":"number","owned":true,"customer":"","fields":{"number":["+1212*****00"]}}`)
	require.Equal(t, "201", owned["owners"].([]any)[0].(map[string]any)["owner"])
	d.base = append(d.base, "--set", "customers.find.show=nobody")
	owned = d.list(3, "customer", "find", "+12125550100")[0]
	require.NotContains(t, owned["owners"].([]any)[0], "owner")
	require.NotContains(t, d.run("customer", "find", "+12125550100").stdout, "201")
}

// sheet writes a file of customers.
func sheet(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "customers.csv")
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600))
	return path
}

func TestCustomerImport(t *testing.T) {
	d := newDesk(t)
	d.json(0, "customer", "add", "--field", "name=Old Ltd", "--field", "phone=+12125550109")
	file := sheet(t, "\ufeffFirma;Phone;Colour",
		"Acme Inc.;+12125550100; red",
		"Beta GmbH;\"+12125550101;+12125550102\";",
		"ACME;;blue",           // line 4: as line 2
		"Gamma;12;",            // line 5: no number
		"Delta;+12125550109;",  // line 6: Old's
		"Eps;+12125550102;",    // line 7: Beta's
		"Beta;+12125550101;x;", // line 8: Beta's, but not the same
		";;",                   // line 9: no name
		"Acme;+12125550100;")   // line 10: all as line 2
	aside := filepath.Join(t.TempDir(), "again.csv")
	args := []string{"customer", "import", file, "--map", "Firma=name", "--duplicates", aside}

	dry := d.json(1, append(args, "--dry-run")...)
	subset(t, dry, `{"dry_run":true,"rows":9,"added":2,"duplicates":5,"unreadable":2,"left_out":["Colour"]}`)
	require.Empty(t, d.list(0, "customer", "find", "acme"), "a rehearsal adds nothing")

	got := d.json(1, args...)
	subset(t, got, `{"rows":9,"added":2,"unchanged":0,"duplicates":5,"unreadable":2}`)
	lines := make(map[float64]map[string]any)
	for _, p := range got["problems"].([]any) {
		lines[p.(map[string]any)["line"].(float64)] = p.(map[string]any)
	}
	subset(t, lines[4], `{"outcome":"duplicate","field":"name","value":"AC***","first_line":2,"owner":"no owner"}`)
	subset(t, lines[5], `{"outcome":"unreadable"}`)
	subset(t, lines[6], `{"outcome":"duplicate","field":"phone","value":"+1212*****09","customer":"1"}`)
	subset(t, lines[7], `{"field":"phone","first_line":3}`)
	subset(t, lines[10], `{"field":"all","first_line":2}`)
	require.Contains(t, lines[9]["why"], "name: a company needs one")
	require.NotContains(t, lines[6], "first_line")
	kept := read(t, aside)
	require.Equal(t, 6, strings.Count(kept, "\n"))
	require.Contains(t, kept, "Delta;+12125550109;;6;phone;1;no owner;\n")

	subset(t, d.json(1, args...), `{"added":0,"unchanged":2,"duplicates":5}`)
	subset(t, d.json(1, append(args, "--on-duplicate", "skip")...), `{"added":0,"duplicates":5,"unreadable":2}`)
	updated := sheet(t, "name,phone,note", "Acme,+12125550100;+12125550103,big", "Zeta,+12125550100;+12125550101,")
	got = d.json(1, "customer", "import", updated, "--on-duplicate", "update")
	subset(t, got, `{"updated":1,"duplicates":1}`)
	subset(t, d.list(3, "customer", "find", "+12125550103")[0], `{"fields":{"name":["Ac***"],"note":["b***"],"phone":["+1212*****00","+1212*****03"]}}`)

	table := d.run(append(args, "--on-duplicate", "skip")...)
	require.Equal(t, 1, table.code)
	require.Contains(t, table.stdout, "left out: Colour\n")
	require.Contains(t, table.stderr, "2 rows of customers.csv were not added")
}

// TestExportIsImported: what one registry writes, another reads, and finds it unchanged when it is read again.
func TestExportIsImported(t *testing.T) {
	d := newDesk(t)
	var lines []string
	for i := range 700 { // more than fits into one batch
		lines = append(lines, fmt.Sprintf("\"Company %d, \"\"Inc\"\"\",+1212555%04d;+1213555%04d,note %d", i, i, i, i))
	}
	subset(t, d.json(0, "customer", "import", sheet(t, append([]string{"name,phone,note"}, lines...)...)), `{"added":700,"rows":700}`)
	out := filepath.Join(t.TempDir(), "out.csv")
	require.Equal(t, 0, d.run("customer", "export", "--to", out).code)
	subset(t, d.json(0, "customer", "import", out), `{"added":0,"unchanged":700,"left_out":["customer","owners"]}`)
	other := newDesk(t)
	subset(t, other.json(0, "customer", "import", out), `{"added":700}`)
	require.Equal(t, d.run("customer", "export").stdout, other.run("customer", "export").stdout)
}

// TestCustomerOwner: a customer's owner owns all its numbers, as the commands about owners see it.
func TestCustomerOwner(t *testing.T) {
	d := newDesk(t)
	acme := d.json(0, "customer", "add", "--field", "name=Acme", "--field", "phone=+12125550100", "--field", "phone=+12125550101", "--owner", "201")
	require.Equal(t, "201", acme["owners"].([]any)[0].(map[string]any)["owner"])
	subset(t, d.json(0, "owner", "show", "+12125550101"), `{"owner":"201"}`)
	subset(t, d.json(3, "check", "+12125550101", "--rep", "202"), `{"reason":"owned","owner":"201"}`)
	subset(t, d.json(0, "owner", "transfer", "+12125550101", "--to", "203"), `{"owner":"203"}`)
	subset(t, d.json(0, "owner", "show", "+12125550100"), `{"owner":"203"}`)

	taken := d.run("customer", "add", "--field", "name=acme inc", "--owner", "202")
	require.Equal(t, 3, taken.code)
	require.Contains(t, taken.stderr, "the name is that of customer 1 (owner 203)")

	d.json(0, "owner", "claim", "+12125550109", "--rep", "204")
	colleague := d.run("customer", "add", "--field", "name=Beta", "--field", "phone=+12125550109", "--owner", "202")
	require.Equal(t, 3, colleague.code, colleague.stderr)
	require.Contains(t, colleague.stderr, "the phone +1212*****09 is a colleague's (owner 204)")
	require.Empty(t, d.list(0, "customer", "find", "beta"), "nothing was added")

	alone := d.json(0, "customer", "add", "--field", "name=Gamma", "--owner", "205", "--scope", "loans")
	subset(t, alone["owners"].([]any)[0].(map[string]any), `{"owner":"205","scope":"loans"}`)
	d.json(0, "customer", "set", alone["customer"].(string), "--field", "phone=+12125550105")
	found := d.list(3, "customer", "find", "+12125550105")
	subset(t, found[0]["owners"].([]any)[0].(map[string]any), `{"owner":"205","scope":"loans"}`)
}

// TestOwnerOfOneNumberProtectsTheOther: a real call makes an owner of one number of a customer; within a second a
// colleague's call to the other number is refused.
func TestOwnerOfOneNumberProtectsTheOther(t *testing.T) {
	f := newFloor(t, "rules: {claim: {min_talk: 1s}}\n")
	f.serve()
	var acme customerReport
	f.decode(&acme, "customer", "add", "--field", "name=Acme", "--field", "phone=+12125550100", "--field", "phone=+12125550101")
	mine := dial(t, f.phone("201"), "+12125550100")
	soon(t, "the other number has the owner, too", func() bool {
		var owner ownerReport
		f.decode(&owner, "owner", "show", "+12125550101")
		return owner.Owner == "201"
	})
	theirs := f.call(f.phone("202"), "+12125550101")
	require.Equal(t, 403, theirs.Status)
	require.NoError(t, mine.Hangup(t.Context()))
	require.Len(t, f.world.Received(), 1, "a refused call reached the trunk")
}
