package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
)

// configReport is what `config check` prints.
type configReport struct {
	File     string          `json:"file"`
	Valid    bool            `json:"valid"`
	Policy   string          `json:"policy,omitempty"` // version of the rules, as decisions carry it
	Mistakes config.Mistakes `json:"mistakes"`
}

func (sh *shell) newConfigCommand() *cobra.Command {
	return group("config", "the configuration", sh.newConfigCheckCommand())
}

func (sh *shell) newConfigCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "is the configuration right? Names every mistake with its line", Args: cobra.NoArgs,
		Long: `Reads the configuration as serve would, with RINGFENCE_ variables and --set, and names every mistake with its line. It
asks nobody: neither Redis nor the name service. Exit code 0: it is right. 1: it is not.`,
		Example: `  ringfence config check --config /etc/ringfence/ringfence.yaml
  ringfence config check --output json`,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := sh.load()
			mistakes, many := config.AsMistakes(err)
			if err != nil && !many {
				return err
			}
			report := configReport{File: sh.file(), Valid: err == nil, Mistakes: mistakes}
			if err == nil {
				report.Policy, report.Mistakes = cfg.Rules.Version(), config.Mistakes{}
			}
			return sh.printConfigReport(report)
		},
	}
}

func (sh *shell) printConfigReport(r configReport) error {
	err := sh.print(r, func(w io.Writer) {
		for _, m := range r.Mistakes {
			fmt.Fprintln(w, m)
		}
		if r.Valid {
			fmt.Fprintf(w, "%s is right (policy %s)\n", r.File, r.Policy)
		} else {
			fmt.Fprintf(w, "%s has %s\n", r.File, count(len(r.Mistakes), "mistake"))
		}
	})
	if err == nil && !r.Valid {
		return errSaid
	}
	return err
}
