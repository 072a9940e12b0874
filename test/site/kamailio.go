package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
	"time"
)

// Kamailio is Kamailio as a plain relay. Template is its configuration, a text/template.
type Kamailio struct{ Template string }

// Name is how tables show it.
func (Kamailio) Name() string { return "kamailio" }

// Start runs one in the foreground.
func (k Kamailio) Start(ctx context.Context, plan Plan) (Running, error) {
	config, err := k.write(plan)
	if err != nil {
		return nil, fmt.Errorf("kamailio's configuration: %w", err)
	}
	// -DD: stay in the foreground. fm: the allocator that does not distort a comparison (q_malloc, Debian's default,
	// takes half of the time). -Y and -w keep its files in the directory of the run.
	p, err := start(plan.Dir, "kamailio", "-DD", "-E", "-f", config, "-x", "fm", "-X", "fm", "-m", "128", "-M", "8",
		"-Y", plan.Dir, "-w", plan.Dir, "-P", filepath.Join(plan.Dir, "kamailio.pid"))
	if err != nil {
		return nil, err
	}
	up := func() bool { return ctx.Err() == nil && listens(UDP, plan.Gate) && listens(TCP, plan.Gate) }
	if err := p.ready(15*time.Second, up); err != nil {
		return nil, err
	}
	return running{p}, nil
}

func (k Kamailio) write(plan Plan) (file string, err error) {
	t, err := template.ParseFiles(k.Template)
	if err != nil {
		return "", err
	}
	modules, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	if err != nil || len(modules) == 0 {
		return "", errors.Join(errors.New("no modules under /usr/lib: is the package kamailio installed?"), err)
	}
	file = filepath.Join(plan.Dir, "kamailio.cfg")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	values := map[string]any{
		"Gate": plan.Gate, "Modules": modules[0] + "/", "PBX": plan.PBX,
		"First": target(plan.Trunks[0]), "TrunkHost": plan.Trunks[0].At.Addr(),
		"Blocked": BlockedNumber, "Redirected": RedirectedNumber, "Owner": Owner,
		"T1": plan.Timers.T1.Milliseconds(), "TimerC": plan.Timers.C.Milliseconds(), "NoAnswer": plan.Timers.NoAnswer.Milliseconds(),
	}
	if len(plan.Trunks) > 1 {
		values["Second"] = target(plan.Trunks[1])
	}
	return file, t.Execute(f, values)
}

func target(t Trunk) string { return t.At.String() + ";transport=" + string(t.Protocol) }

// running is a proxy that is a single child.
type running struct{ *Process }

// Stop ends the child. Kamailio 5.6 now and then waits for its own children for ever, which is no fault of what is tested.
func (r running) Stop() error {
	if err := r.Process.Stop(5 * time.Second); !errors.Is(err, errKilled) {
		return err
	}
	return nil
}
