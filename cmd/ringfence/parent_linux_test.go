package main

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel kill a server when the test process dies without cleaning up, as on a time-out.
func dieWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
