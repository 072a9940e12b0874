package answer

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The table in docs/answers.md is the one in builtin.go.
func TestDocumentedCodes(t *testing.T) {
	page, err := os.ReadFile("../../docs/answers.md")
	require.NoError(t, err)
	columns := []string{"phone", "asterisk", "freepbx", "3cx", "freeswitch", "cisco", "608"}
	require.ElementsMatch(t, Names(), columns)
	row := func(cells []string) string { return "\n| " + strings.Join(cells, " | ") + " |\n" }
	heads := []string{"reason"}
	for _, name := range columns {
		heads = append(heads, "`"+name+"`")
	}
	require.True(t, strings.Contains(string(page), row(heads)), "docs/answers.md has no table headed%s", row(heads))
	for _, reason := range blocking() {
		cells := []string{"`" + reason.String() + "`"}
		for _, name := range columns {
			c := builtin[name].answers[reason]
			cells = append(cells, fmt.Sprintf("%d, %d", c.status, c.cause))
		}
		require.True(t, strings.Contains(string(page), row(cells)), "docs/answers.md lacks the row%s", row(cells))
	}
	served := []string{"`codes`"}
	for _, name := range columns {
		c := builtin[name].served
		served = append(served, fmt.Sprintf("%d, %d", c.status, c.cause))
	}
	require.True(t, strings.Contains(string(page), row(served)), "docs/answers.md lacks the row%s", row(served))
}
