package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
)

// idle starts `up --demo none`, leaves it alone, and adds up the memory of its processes.
func idle(ctx context.Context, e command.Env, settle time.Duration, asJSON bool) (err error) {
	t, err := launch(ctx, e, "none")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	result := struct {
		Machine   Machine   `json:"machine"`
		Processes []Process `json:"processes"`
		Resident  uint64    `json:"resident_bytes"`
		// Proportional counts memory that processes share once.
		Proportional uint64 `json:"proportional_bytes"`
	}{Machine: machine(e.Now()), Processes: byName(tree(t.root))}
	table := []string{result.Machine.String(), "", fmt.Sprintf("%-14s %12s %12s", "process", "resident", "proportional")}
	for _, p := range result.Processes {
		result.Resident += p.Resident
		result.Proportional += p.Proportional
		table = append(table, memoryLine(p.Name, p.Resident, p.Proportional))
	}
	return report(e.Out, asJSON, result, append(table, memoryLine("all", result.Resident, result.Proportional)))
}

func memoryLine(name string, resident, proportional uint64) string {
	return fmt.Sprintf("%-14s %9d MB %9d MB", name, resident>>20, proportional>>20)
}
