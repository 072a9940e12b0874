package customer

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	typ := Defaults().Types["company"]
	table, err := NewTable(typ, "company", []string{"\ufeffFirma", "Tax ID", "Phone", "phone", "colour"}, map[string]string{"Firma": "name"})
	require.NoError(t, err)
	require.Equal(t, []string{"colour"}, table.LeftOut())
	require.Equal(t, map[string][]string{"name": {"Acme"}, "phone": {"1", "2", "3"}},
		table.Row([]string{" Acme ", " ", "1; 2;", "3", "red", "surplus"}))

	for _, tt := range []struct {
		heading []string
		named   map[string]string
		says    string
	}{
		{[]string{"tax_id"}, nil, "no column is the field name"},
		{[]string{"name", "Name"}, nil, "both the field name"},
		{[]string{"name"}, map[string]string{"x": "note"}, "which the file has not"},
		{[]string{"name", "x"}, map[string]string{"x": "y"}, "company has no such field"},
	} {
		_, err := NewTable(typ, "company", tt.heading, tt.named)
		require.ErrorContains(t, err, tt.says)
	}
}

// FuzzRow: whatever a file holds, a row is values of declared fields or mistakes, and what was read is read again alike.
func FuzzRow(f *testing.F) {
	f.Add("name,phone\nAcme,+12125550100;+12125550101\n")
	f.Add("\ufeffname;x\n\"a\"\"b\",\xff\n")
	f.Add("name,name,,\n,,,,,,\n")
	f.Add("Name,E Mail,email\n a , b@c.example ; d@e.example,\n")
	r := reader(f, nil)
	typ, _ := r.Type("company")
	f.Fuzz(func(t *testing.T, text string) {
		lines := csv.NewReader(strings.NewReader(text))
		lines.FieldsPerRecord, lines.LazyQuotes = -1, true
		heading, err := lines.Read()
		if err != nil {
			return
		}
		table, err := NewTable(typ, "company", heading, nil)
		if err != nil {
			return
		}
		for {
			cells, err := lines.Read()
			if err != nil {
				return
			}
			values, err := r.Read("company", table.Row(cells), true)
			if err != nil {
				continue
			}
			again := make(map[string][]string)
			for name, list := range values {
				_, declared := typ.Fields[name]
				require.True(t, declared)
				for _, v := range list {
					require.NotEmpty(t, v.Key)
					again[name] = append(again[name], v.Shown)
				}
			}
			reread, err := r.Read("company", again, true)
			require.NoError(t, err)
			for name := range values {
				for i, v := range values[name] {
					require.Equal(t, v.Key, reread[name][i].Key)
				}
			}
		}
	})
}

// FuzzValue: reading never panics, what is kept is read as itself, and neither blanks around a value nor ASCII case make
// another company or mailbox of it.
func FuzzValue(f *testing.F) {
	for _, text := range []string{"Acme Inc.", "华为 技术有限公司", "㈱日立", "l.i+x@bücher.example", "S. A. S.", "ß", "İx", "+12125550100", "a\u0301\u0301", "株 式会社"} {
		for kind := range uint8(len(kindNames)) {
			f.Add(kind, text)
		}
	}
	r := reader(f, func(c *Config) { c.Email.IgnorePlusTag = true })
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		k := Kind(kind) % Kind(len(kindNames))
		v, err := r.Value(k, text)
		if err != nil {
			return
		}
		require.NotEmpty(t, v.Key)
		again, err := r.Value(k, v.Shown)
		require.NoError(t, err)
		require.Equal(t, v.Key, again.Key)
		MaskValue(k, v.Shown)
		if k == Company || k == Text || k == Email {
			if other, err := r.Value(k, "  "+swapCase(v.Shown)+" "); err == nil {
				require.Equal(t, v.Key, other.Key)
			}
		}
	})
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return r
	}, s)
}
