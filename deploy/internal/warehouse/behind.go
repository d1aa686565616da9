package warehouse

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Behind is the nice value of the endpoint's process: who takes events in and makes them durable on the same machine comes
// first, for devices wait for that, and what is stored late is only seen late.
const Behind = 5

// mostBehind is the lowest place that Linux has.
const mostBehind = 19

// behind is the nice value of a statement's threads by its priority: whoever takes most gets the processor when nobody else wants
// it. The engine sets it only where its process may (CAP_SYS_NICE), and needs it for all, for it puts its threads back to 0.
func behind(priority int) int { return min(mostBehind, Behind+4*(priority-1)) }

// StandBehind gives every thread of this process that nice value; those that come later inherit it. Call it before New.
func StandBehind() error {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return fmt.Errorf("list the threads: %w", err)
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		if err := syscall.Setpriority(syscall.PRIO_PROCESS, id, Behind); err != nil && err != syscall.ESRCH {
			return fmt.Errorf("stand behind other processes: %w", err)
		}
	}
	return nil
}
