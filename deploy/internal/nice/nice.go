// Package nice orders the processes of one machine: who takes events in and makes them durable comes first, for devices wait for
// that; what is stored or answered late is only seen late. Roles call it.
package nice

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// The nice values of processes that stand behind; all others have 0.
const (
	// Cell is that of the stream engine and the API, where another process takes events in.
	Cell = 3
	// Store is that of the embedded ClickHouse.
	Store = 5
	// Last is the lowest place that Linux has.
	Last = 19
)

// Stand gives every thread of this process that nice value; those that come later inherit it. Call it before anything else runs.
func Stand(value int) error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list the threads: %w", err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, value); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("stand behind other processes: %w", err)
		}
	}
	return nil
}
