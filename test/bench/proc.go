package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tree is a process and all its descendants: Kamailio is a dozen of them.
func tree(root int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]int)
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		pid, parent, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		children[parent] = append(children[parent], pid)
	}
	found := []int{root}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found, nil
}

// parseStat reads the process id and its parent's from /proc/PID/stat. The name between may hold spaces and brackets.
func parseStat(text string) (pid, parent int, err error) {
	end := strings.LastIndexByte(text, ')')
	begin := strings.IndexByte(text, ' ')
	if begin < 0 || end < begin {
		return 0, 0, fmt.Errorf("no process's stat: %q", text)
	}
	rest := strings.Fields(text[end+1:]) // state, parent, …
	if len(rest) < 2 {
		return 0, 0, fmt.Errorf("no parent in %q", text)
	}
	pid, errPid := strconv.Atoi(text[:begin])
	parent, errParent := strconv.Atoi(rest[1])
	return pid, parent, errors.Join(errPid, errParent)
}

// cpuTime is what all threads of the processes have used so far, by the scheduler's own clock in ns. The split of user
// and system time is sampled by ticks, which SIPp's timer walks in step with, and says nothing here.
func cpuTime(pids []int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		if len(tasks) == 0 {
			return 0, fmt.Errorf("process %d is gone", pid)
		}
		for _, file := range tasks {
			text, err := os.ReadFile(file)
			if err != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)) {
				continue // a thread that has ended since
			}
			if err != nil {
				return 0, err
			}
			used, err := parseSchedstat(string(text))
			if err != nil {
				return 0, fmt.Errorf("%s: %w", file, err)
			}
			sum += used
		}
	}
	return sum, nil
}

// parseSchedstat reads the time on a CPU, the first of three numbers, in ns.
func parseSchedstat(text string) (time.Duration, error) {
	first, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	return time.Duration(ns), err
}

// proportional is the memory of the processes in bytes, what they share counted once (PSS).
func proportional(pids []int) (sum float64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		kib, err := parsePSS(string(text))
		if err != nil {
			return 0, fmt.Errorf("process %d: %w", pid, err)
		}
		sum += kib * 1024
	}
	return sum, nil
}

func parsePSS(text string) (kib float64, err error) {
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, "Pss:"); found {
			return strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
		}
	}
	return 0, errors.New("no Pss in smaps_rollup")
}

// ownTime is what this process and the children it has waited for have used: SIPp at both ends, a relay within.
func ownTime() (sum time.Duration, err error) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err != nil {
			return 0, fmt.Errorf("getrusage: %w", err)
		}
		sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return sum, nil
}

// machineTime is what the CPUs of the machine have done since it started, in ticks. It serves for what the host takes
// away only: idle time sampled by ticks is as wrong as user time is.
type machineTime struct{ steal, all float64 }

func readMachineTime() (machineTime, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineTime{}, err
	}
	return parseMachineTime(string(text))
}

// parseMachineTime reads the first line of /proc/stat: cpu user nice system idle iowait irq softirq steal guest …, where
// guest is within user.
func parseMachineTime(text string) (m machineTime, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return m, fmt.Errorf("/proc/stat begins with %q", line)
	}
	for _, field := range fields[1:9] {
		if m.steal, err = strconv.ParseFloat(field, 64); err != nil {
			return m, fmt.Errorf("/proc/stat: %w", err)
		}
		m.all += m.steal // the last of them is steal
	}
	return m, nil
}

// stolenSince is the share of the machine's CPU time that the host took away since before.
func (m machineTime) stolenSince(before machineTime) float64 {
	if m.all <= before.all {
		return 0
	}
	return (m.steal - before.steal) / (m.all - before.all)
}
