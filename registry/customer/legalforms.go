package customer

// legalForms are what the law makes companies write before or after their names. They are compared as names are: without
// case, width, dots and blanks, so "S.à r.l." is "sarl" and "ＩＮＣ．" is "inc". A longer form goes before a shorter one.
var legalForms = []struct {
	country string
	after   []string // at the end of a name
	before  []string // at its beginning
}{
	{"any", []string{"& Co", "& Company", "& Cie"}, []string{"The"}},
	{"US", []string{"Inc", "Incorporated", "Corp", "Corporation", "Company", "Co", "LLC", "LLP", "LP", "PLLC", "PC"}, nil},
	{"UK", []string{"Ltd", "Limited", "PLC", "Public Limited Company", "LLP", "CIC"}, nil},
	{"IE", []string{"DAC", "CLG", "UC"}, nil},
	{"AU", []string{"Pty Ltd", "Pty Limited", "Pty", "Proprietary Limited"}, nil},
	{"SG MY", []string{"Pte Ltd", "Pte", "Private Limited", "Sdn Bhd", "Bhd", "Berhad"}, nil},
	{"IN", []string{"Pvt Ltd", "Pvt", "Private Ltd"}, nil},
	{"CA", []string{"Ltée", "Limitée"}, nil},
	{"DE AT CH", []string{
		"GmbH & Co. KG", "GmbH & Co. KGaA", "AG & Co. KG", "SE & Co. KG", "UG (haftungsbeschränkt)", "gGmbH", "GmbH", "mbH", "AG", "KG",
		"KGaA", "OHG", "GbR", "UG", "e.K.", "e.V.", "eG", "Ges.m.b.H.", "Gesellschaft mit beschränkter Haftung", "Aktiengesellschaft",
	}, nil},
	{"FR BE LU", []string{"SARL", "S.à r.l.", "SAS", "SASU", "SA", "EURL", "SNC", "SCI", "SPRL", "SRL"}, []string{"SARL", "SAS", "SASU", "EURL", "SCI"}},
	{"NL", []string{"BV", "NV", "VOF"}, nil},
	{"IT", []string{"SpA", "Srl", "Srls", "Sapa", "Snc", "Sas"}, nil},
	{"ES PT", []string{"SL", "SLU", "SA", "Lda", "Ltda"}, nil},
	{"BR MX", []string{"Ltda", "SA de CV", "S de RL de CV"}, nil},
	{"SE NO DK FI", []string{"AB", "Aktiebolag", "AS", "ASA", "ApS", "A/S", "Oy", "Oyj"}, nil},
	{"PL CZ", []string{"Sp. z o.o.", "Spółka z o.o.", "S.A.", "s.r.o.", "a.s."}, nil},
	{"EU", []string{"SE", "SCE", "EEIG"}, nil},
	{"CN TW HK", []string{
		"股份有限公司", "有限责任公司", "有限責任公司", "股份公司", "有限公司", "公司",
	}, nil},
	{"JP", []string{"株式会社", "有限会社", "合同会社", "KK", "GK"}, []string{"株式会社", "有限会社", "合同会社"}},
	{"KR", []string{"주식회사", "유한회사"}, []string{"주식회사", "유한회사"}},
	{"RU", []string{"ООО", "ОАО", "ЗАО", "ПАО", "АО"}, []string{"ООО", "ОАО", "ЗАО", "ПАО", "АО"}},
}
