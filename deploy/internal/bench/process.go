package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticks is the kernel's unit of CPU time in /proc, fixed at 100 a second for user space (proc(5), sysconf(3)).
const ticks = 100

// Process is what one process of the tree used.
type Process struct {
	Name string `json:"name"`
	// CPU is in seconds.
	CPU float64 `json:"cpu_seconds"`
	// Resident and Proportional are in bytes; the latter counts a shared page in parts.
	Resident     uint64 `json:"resident_bytes"`
	Proportional uint64 `json:"proportional_bytes"`

	id, parent int
}

// tree reads a process and all below it.
func tree(root int) []Process {
	children := map[int][]Process{}
	var all []Process
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if p, ok := readProcess(dir); ok {
			if p.id == root {
				all = append(all, p)
			}
			children[p.parent] = append(children[p.parent], p)
		}
	}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].id]...)
	}
	return all
}

func readProcess(dir string) (Process, bool) {
	id, err := strconv.Atoi(filepath.Base(dir))
	stat, readErr := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil || readErr != nil {
		return Process{}, false
	}
	// The name in parentheses may hold anything, so fields are counted after the last one.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 22 || fields[0] == "Z" {
		return Process{}, false
	}
	parent, _ := strconv.Atoi(fields[1])
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	p := Process{Name: name(dir), CPU: (user + system) / ticks, id: id, parent: parent}
	p.Resident, p.Proportional = memory(filepath.Join(dir, "smaps_rollup"))
	return p, true
}

// name is the subcommand of our own processes, else the program.
func name(dir string) string {
	line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	words := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	program, _, _ := strings.Cut(filepath.Base(words[0]), ":")
	if program == "millwright" && len(words) > 1 {
		return words[1]
	}
	return program
}

func memory(file string) (resident, proportional uint64) {
	f, err := os.Open(file)
	if err != nil {
		return 0, 0
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kilobytes uint64
		if _, err := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kilobytes); err == nil {
			resident = kilobytes << 10
		}
		if _, err := fmt.Sscanf(lines.Text(), "Pss: %d kB", &kilobytes); err == nil {
			proportional = kilobytes << 10
		}
	}
	return resident, proportional
}

// peak is the most that a process's resident memory was.
func peak(id int) uint64 {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(id) + "/status")
	for line := range strings.Lines(string(text)) {
		var kilobytes uint64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	return 0
}

// byName adds up processes of the same name, in order of their first.
func byName(all []Process) []Process {
	var out []Process
	at := map[string]int{}
	for _, p := range all {
		i, ok := at[p.Name]
		if !ok {
			at[p.Name] = len(out)
			out = append(out, Process{Name: p.Name, CPU: p.CPU, Resident: p.Resident, Proportional: p.Proportional})
			continue
		}
		out[i].CPU += p.CPU
		out[i].Resident += p.Resident
		out[i].Proportional += p.Proportional
	}
	return out
}

// since is what the processes used after before.
func since(before, after []Process) []Process {
	used := map[string]float64{}
	for _, p := range before {
		used[p.Name] = p.CPU
	}
	for i := range after {
		after[i].CPU -= used[after[i].Name]
	}
	return after
}

// own is this process: the load generator.
func own() []Process {
	p, _ := readProcess("/proc/" + strconv.Itoa(os.Getpid()))
	p.Name = "generator"
	return []Process{p}
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// busySeconds is the processor time that the whole machine has used.
func busySeconds() float64 {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 {
		return 0
	}
	var busy float64
	for i, field := range fields[1:9] {
		if n, err := strconv.ParseFloat(field, 64); err == nil && i != 3 && i != 4 { // idle, and idle for want of a disk
			busy += n
		}
	}
	return busy / ticks
}

// elsewhere is how many cores were busy with what is not ours.
func elsewhere(busy float64, ours []Process, took time.Duration) float64 {
	for _, p := range ours {
		busy -= p.CPU
	}
	return max(0, busy/took.Seconds())
}
