package stack

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Process is one of the tree under `up`.
type Process struct {
	ID      int
	Parent  int
	Command string
	// started tells a process from a later one with the same id.
	started string
}

// descendants reads the tree below pid from /proc.
func descendants(pid int) []Process {
	children := map[int][]Process{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		if p, ok := readProcess(dir); ok {
			children[p.Parent] = append(children[p.Parent], p)
		}
	}
	var tree []Process
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		for _, p := range children[queue[0]] {
			tree = append(tree, p)
			queue = append(queue, p.ID)
		}
	}
	return tree
}

// alive reports whether p still runs: not gone, not replaced, not a zombie that waits for its parent.
func alive(p Process) bool {
	now, ok := readProcess(filepath.Join("/proc", strconv.Itoa(p.ID)))
	return ok && now.started == p.started
}

// readProcess reads /proc/PID/stat (proc(5)); zombies are left out.
func readProcess(dir string) (Process, bool) {
	id, err := strconv.Atoi(filepath.Base(dir))
	if err != nil {
		return Process{}, false
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Process{}, false
	}
	// The name in parentheses may hold anything, so fields are counted after the last one.
	_, rest, ok := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 || fields[0] == "Z" {
		return Process{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Process{}, false
	}
	cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	words := strings.Split(strings.TrimRight(string(cmdline), "\x00"), "\x00")
	words[0] = filepath.Base(words[0])
	return Process{ID: id, Parent: parent, Command: strings.Join(words, " "), started: fields[19]}, true
}

// Alive returns those of tree that still run.
func Alive(tree []Process) []Process {
	var left []Process
	for _, p := range tree {
		if alive(p) {
			left = append(left, p)
		}
	}
	return left
}
