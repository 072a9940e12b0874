package customer

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ringfence/ringfence/gate"
)

// reader reads by the default types and region US.
func reader(tb testing.TB, change func(*Config)) *Reader {
	tb.Helper()
	c := Defaults()
	if change != nil {
		change(&c)
	}
	require.NoError(tb, c.Validate())
	z, err := gate.NewNormaliser("US", []string{"911"}, "^2[0-9]{2}$")
	require.NoError(tb, err)
	return NewReader(c, z.Number)
}

// key is what is compared of a value that can be read.
func key(tb testing.TB, r *Reader, kind Kind, text string) string {
	tb.Helper()
	v, err := r.Value(kind, text)
	require.NoError(tb, err, text)
	return v.Key
}

// TestCompaniesThatAreOne: every spelling in a row is the same company, and no two rows are.
func TestCompaniesThatAreOne(t *testing.T) {
	r := reader(t, func(c *Config) { c.Company.Forms = []string{"Holding", "集团"} })
	rows := [][]string{
		{"Acme", "ACME", " acme ", "Acme Inc.", "Acme, Inc", "ACME INCORPORATED", "Ａｃｍｅ　Ｉｎｃ．", "The Acme Company", "Acme Co., Ltd.", "Acme L.L.C.", "Acme L. L. C.", "Acme Holding GmbH"},
		{"Müller & Söhne GmbH & Co. KG", "Muller and Sohne", "MÜLLER & SÖHNE", "Müller & Söhne AG & Co. KG"},
		{"华为技术有限公司", "华为技术", "华为 技术 有限 公司", "华为技术股份有限公司", "华为技术有限责任公司", "华为技术集团有限公司", "华为技术集团 Co., Ltd"},
		{"阿里巴巴（中国）有限公司", "阿里巴巴(中国)有限公司", "阿里巴巴中国", "阿里巴巴 (中国)"},
		{"株式会社日立製作所", "㈱日立製作所", "(株)日立製作所", "日立製作所 株式会社", "日立製作所"},
		{"삼성전자 주식회사", "㈜삼성전자", "삼성전자"},
		{"ООО «Ромашка»", "Ромашка", "РОМАШКА ООО"},
		{"Dupont S.A.R.L.", "SARL Dupont", "Dupont S.à r.l.", "dupont sas"},
		{"Weiß UG (haftungsbeschränkt)", "WEISS", "Weiss UG"},
		{"O'Neil & Co", "ONeil", "O’Neil and Company"},
		{"A B C Tools Pty Ltd", "ABC Tools", "A.B.C. Tools"},
		{"Limited", "LIMITED"},
		{"有限公司"},
		{"Incyte Corp", "Incyte"},
		{"Café", "Cafe\u0301", "CAFE"},
		{"がんばる"},
		{"かんはる"},
		{"!!!"},
		{"???"},
	}
	seen := make(map[string]string)
	for _, row := range rows {
		want := key(t, r, Company, row[0])
		require.NotEmpty(t, want)
		require.Empty(t, seen[want], "%s and %s are both %q", seen[want], row[0], want)
		seen[want] = row[0]
		for _, spelling := range row[1:] {
			require.Equal(t, want, key(t, r, Company, spelling), "%s and %s", row[0], spelling)
		}
	}
}

func TestEmails(t *testing.T) {
	plain := reader(t, nil)
	for text, want := range map[string]string{
		"Li@Example.COM": "li@example.com", "li＠example.com": "li@example.com", "li@example.com.": "li@example.com",
		"li@bücher.example": "li@xn--bcher-kva.example", "li@XN--BCHER-KVA.example": "li@xn--bcher-kva.example",
		"l.i+shop@gmail.com": "l.i+shop@gmail.com", "李@例子.中国": "李@xn--fsqu00a.xn--fiqs8s",
	} {
		require.Equal(t, want, key(t, plain, Email, text), text)
	}
	for _, text := range []string{
		"li", "@example.com", "li@", "li@localhost", "li@exa mple.com", "a b@example.com", "li@example..com", "<li@example.com>",
		"a@b@example.com", "a,b@example.com", strings.Repeat("a", 65) + "@example.com", "li@" + strings.Repeat("a", 64) + ".com",
	} {
		_, err := plain.Value(Email, text)
		require.Error(t, err, text)
	}
	loose := reader(t, func(c *Config) { c.Email = EmailRule{IgnorePlusTag: true, IgnoreDotsAt: []string{"GMail.com"}} })
	require.Equal(t, "li@gmail.com", key(t, loose, Email, "L.I+shop@Gmail.com"))
	require.Equal(t, "l.i@example.com", key(t, loose, Email, "l.i+x@example.com"), "dots count elsewhere")
	require.Equal(t, "+li@example.com", key(t, loose, Email, "+li@example.com"), "a tag of nobody is a mailbox")
	v, err := plain.Value(Email, "Li@Example.com")
	require.NoError(t, err)
	require.Equal(t, "Li@example.com", v.Shown)
}

func TestOtherKinds(t *testing.T) {
	r := reader(t, nil)
	require.Equal(t, key(t, r, Text, "DE 123-456"), key(t, r, Text, "de123456"))
	require.NotEqual(t, key(t, r, ID, "aB"), key(t, r, ID, "ab"), "another system's ids are its own business")
	require.Equal(t, "+12125550100", key(t, r, Number, "(212) 555-0100"))
	for kind, text := range map[Kind]string{Number: "911", Date: "24/11/2026", Text: "a\x00b", ID: strings.Repeat("x", MaxValue+1), Company: "\xff"} {
		_, err := r.Value(kind, text)
		require.Error(t, err, text)
	}
	require.Equal(t, "2026-11-24", key(t, r, Date, " 2026-11-24 "))
}

func TestRead(t *testing.T) {
	r := reader(t, nil)
	values, err := r.Read("company", map[string][]string{"name": {"Acme"}, "phone": {"+12125550100", "(212) 555-0100", "+12125550101"}}, true)
	require.NoError(t, err)
	require.Len(t, values["phone"], 2, "the same number twice is one")

	_, err = r.Read("company", map[string][]string{"nme": {"x"}, "phone": {"12"}, "tax_id": {"1", "2"}}, true)
	for _, says := range []string{"nme: company has no such field; it has name, ", "phone: ", "tax_id: 2 values", "name: a company needs one"} {
		require.ErrorContains(t, err, says)
	}
	_, err = r.Read("company", map[string][]string{"phone": {"+12125550100"}}, false)
	require.NoError(t, err, "an update need not repeat what is required")
	_, err = r.Read("company", map[string][]string{"name": {}}, false)
	require.ErrorContains(t, err, "needs one", "but may not take it away")
	_, err = r.Read("person", nil, true)
	require.ErrorContains(t, err, "declared are company")
}

func TestMasks(t *testing.T) {
	for _, tt := range []struct {
		kind       Kind
		text, want string
	}{
		{Number, "+12125550100", "+1212*****00"},
		{Email, "li@example.com", "l***@e***"},
		{Company, "华为技术有限公司", "华为***"},
		{Company, "ABB", "***"},
		{Text, "DE123", "D***"},
		{Text, "x", "***"},
		{Email, "", "***@***"},
	} {
		require.Equal(t, tt.want, MaskValue(tt.kind, tt.text))
	}
}

func TestValidate(t *testing.T) {
	bad := Config{
		Types:   map[string]Type{"Company": {}, "a": {Fields: map[string]Field{"B C": {}}}},
		Company: CompanyRule{Forms: []string{"..."}},
		Email:   EmailRule{IgnoreDotsAt: []string{"gmail"}},
	}
	err := bad.Validate()
	for _, says := range []string{
		`customers.types.Company: "Company" is no name`, "customers.types.Company.fields: 0 fields", `customers.types.a.fields.B C: "B C" is no name`,
		"customers.company.forms[0]: ", "customers.email.ignore_dots_at[0]: ",
	} {
		require.ErrorContains(t, err, says)
	}
	require.ErrorContains(t, Config{}.Validate(), "customers.types: 0 record types")
}
