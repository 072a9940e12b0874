// Command ringfence is a SIP proxy that asks a registry, for every outbound call, whether this rep may ring this number
// now, and the commands by which operators look after that registry. This package holds flags, wiring and exit codes;
// the rules are in package gate.
package main

import (
	"context"
	"os"
)

func main() {
	sh := &shell{
		args: os.Args[1:], environ: os.Environ(),
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}
	os.Exit(sh.run(context.Background()))
}
