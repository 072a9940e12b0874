// Package torture sends the built gate what nobody well-meaning sends: the torture messages of RFC 4475, scanners, streams
// that never end, and messages that two readers could understand in two ways. It runs in a network namespace of its own,
// so that the ports that such messages name are free and nothing of it is seen from outside.
package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ringfence/ringfence/test/site"
)

// What the process in the namespace is told by its environment.
const (
	placeKey  = "TORTURE_PLACE"  // where the tests run
	binaryKey = "TORTURE_BINARY" // the gate, built outside
)

// place is where the tests run, for their logs.
func place() string { return os.Getenv(placeKey) }

func binary() string { return os.Getenv(binaryKey) }

func TestMain(m *testing.M) {
	if place() != "" {
		os.Exit(m.Run())
	}
	code, err := elsewhere()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		code = 1
	}
	os.Exit(code)
}

// elsewhere builds the gate and runs these tests again in a new network namespace; on this machine's loopback when it
// gives no right to make one.
func elsewhere() (code int, err error) {
	dir, err := os.MkdirTemp("", "torture")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	gate, err := site.Build(context.Background(), dir)
	if err != nil {
		return 1, err
	}
	runtime.LockOSThread() // the child is killed when the thread that made it ends
	var why error
	for _, flags := range namespaces() {
		// Most of these tests wait: more of them at once than there are cores, unless the command line says otherwise.
		child := exec.Command("/proc/self/exe", append([]string{"-test.parallel=8"}, os.Args[1:]...)...)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
		where := "in a network namespace of its own"
		if flags == 0 {
			where = fmt.Sprintf("on this machine's loopback (%v)", why)
		}
		if flags&syscall.CLONE_NEWUSER != 0 {
			child.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
			child.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
		}
		child.Env = append(os.Environ(), placeKey+"="+where, binaryKey+"="+gate)
		if err := child.Start(); err != nil {
			why = err
			continue
		}
		return exitCode(child.Wait())
	}
	return 1, why
}

// namespaces are what to try, in order: as root; as anybody, where the kernel lets users have namespaces; none.
func namespaces() []uintptr {
	if os.Getuid() == 0 {
		return []uintptr{syscall.CLONE_NEWNET, 0}
	}
	return []uintptr{syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER, 0}
}

func exitCode(err error) (int, error) {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// loopbackUp brings up the one interface that a new namespace has. It is up already on the machine's own.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	if lo.Uint16()&unix.IFF_UP != 0 {
		return nil
	}
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}
