package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is what a section found: text for a terminal, Markdown for the page.
type table struct {
	title string
	head  []string
	rows  [][]string
	notes []string // below it
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// print writes it aligned.
func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", t.title)
	widths := t.widths()
	for _, row := range append([][]string{t.head}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line.WriteString("  " + cell + pad)
			} else {
				line.WriteString("  " + pad + cell)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
	for _, note := range t.notes {
		fmt.Fprintf(w, "  %s\n", note)
	}
}

func (t *table) widths() []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// markdown writes it as a section of a page.
func (t *table) markdown(w io.Writer) {
	fmt.Fprintf(w, "### %s\n\n", t.title)
	fmt.Fprintf(w, "| %s |\n|---%s|\n", strings.Join(t.head, " | "), strings.Repeat("|--:", len(t.head)-1))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintln(w)
	for _, note := range t.notes {
		fmt.Fprintf(w, "%s\n\n", note)
	}
}
