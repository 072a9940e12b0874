package site

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
)

// Statistics are SIPp's own totals.
type Statistics struct{ Successful, Failed, Retransmissions int }

// Statistics reads the totals of a phone that has ended.
func (p *Phone) Statistics() (s Statistics, err error) {
	f, err := os.Open(p.file("csv"))
	if err != nil {
		return s, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = ';'
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		return s, fmt.Errorf("%s: %w", p.file("csv"), err)
	}
	if len(rows) < 2 {
		return s, fmt.Errorf("%s: no statistics", p.file("csv"))
	}
	last := rows[len(rows)-1]
	for name, to := range map[string]*int{"SuccessfulCall(C)": &s.Successful, "FailedCall(C)": &s.Failed, "Retransmissions(C)": &s.Retransmissions} {
		if *to, err = column(rows[0], last, name); err != nil {
			return s, fmt.Errorf("%s: %w", p.file("csv"), err)
		}
	}
	return s, nil
}

func column(header, row []string, name string) (int, error) {
	for i, h := range header {
		if h == name && i < len(row) {
			return strconv.Atoi(row[i])
		}
	}
	return 0, fmt.Errorf("no column %q: has `sipp -trace_stat` changed its format?", name)
}
