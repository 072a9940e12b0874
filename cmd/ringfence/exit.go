package main

import (
	"errors"
	"fmt"

	"github.com/ringfence/ringfence/cmd/ringfence/config"
)

// The exit codes, which scripts rely on.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // the command line was wrong; nothing was done
	exitRefused = 3 // a check that says no
)

// errSaysNo ends a check whose answer was printed already: exit code 3 and no further word.
var errSaysNo = errors.New("the answer is no")

// errSaid ends a command that failed and has said so already.
var errSaid = errors.New("failed")

// usageError is a wrong command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exitCode says how the program ends, and reports what went wrong on stderr.
func (sh *shell) exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSaysNo):
		return exitRefused
	case errors.Is(err, errSaid):
		return exitFailed
	case errors.As(err, &usage) || !sh.started:
		fmt.Fprintf(sh.stderr, "ringfence: %s\nTry the same command with --help.\n", err)
		return exitUsage
	}
	if mistakes, ok := config.AsMistakes(err); ok {
		fmt.Fprintf(sh.stderr, "%s\nringfence: %s; correct the configuration and try again\n",
			mistakes, count(len(mistakes), "mistake"))
		return exitFailed
	}
	fmt.Fprintf(sh.stderr, "ringfence: %s\n", err)
	return exitFailed
}

// count writes "1 mistake" or "3 mistakes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
