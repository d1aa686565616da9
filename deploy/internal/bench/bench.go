// Package bench measures the product as its users meet it: the `bench` verbs. Each starts a throwaway `up` on free ports
// unless it is told a server, works for a bounded time, and prints what it saw, for people or as JSON. The binary imports
// it.
package bench

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

// Commands are the verbs of this package.
func Commands() []command.Command {
	return []command.Command{
		{
			Name: "bench ingest", Summary: "events a second over MQTT, from publish to queryable row",
			Details: "Every connection is a device with its own certificate that sends the sample payload with QoS 1 and keeps --inflight " +
				"messages unacknowledged. Latency counts from when a message was due (--rate) or handed to the client (without).",
			Prepare: func(fs *flag.FlagSet) command.Run {
				f := ingestFlags(fs)
				return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
			},
		},
		{
			Name: "bench live", Summary: "time from a device's clock to a WebSocket, with the demo plant running",
			Details: "Every connection is a device that sends the sample payload with QoS 1 at --rate; one WebSocket a device, as the " +
				"console opens it, takes what comes. Latency is arrival less the event's own time, on one clock.",
			Prepare: func(fs *flag.FlagSet) command.Run {
				f := liveFlags(fs)
				return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
			},
		},
		effectCommand(),
		isolationCommand(),
		connectionsCommand(),
		queryCommand(),
		memoryCommand(),
		hostileCommand(),
		{
			Name: "bench idle", Summary: "memory of every process of an idle `up` without a demo",
			Prepare: func(fs *flag.FlagSet) command.Run {
				asJSON := fs.Bool("json", false, "print JSON")
				settle := fs.Duration("settle", 15*time.Second, "how long to leave it alone before looking")
				return func(ctx context.Context, e command.Env, _ []string) error { return idle(ctx, e, *settle, *asJSON) }
			},
		},
	}
}

// target is a running installation and, when it is our own, its root process.
type target struct {
	rpc.Options
	access access
	root   int
	// metrics is the address of our own installation's metrics.
	metrics string
	stop    func() error
}

// aim takes the server that was named, or starts one.
func aim(ctx context.Context, e command.Env, named *rpc.Options, demo string) (*target, error) {
	if named.Key != "" {
		return &target{Options: *named, stop: func() error { return nil }}, nil
	}
	return launch(ctx, e, demo)
}

// Machine says where figures were seen.
type Machine struct {
	Cores     int    `json:"cores"`
	Processor string `json:"processor"`
	Go        string `json:"go"`
	Date      string `json:"date"`
}

func machine(now time.Time) Machine {
	return Machine{Cores: runtime.NumCPU(), Processor: processor(), Go: runtime.Version(), Date: now.UTC().Format(time.DateOnly)}
}

func (m Machine) String() string {
	return fmt.Sprintf("%d cores, %s, %s, %s", m.Cores, m.Processor, m.Go, m.Date)
}

// report prints a result for people, or as JSON.
func report(out io.Writer, asJSON bool, result any, table []string) error {
	if asJSON {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		return enc.Encode(result)
	}
	_, err := fmt.Fprintln(out, strings.Join(table, "\n"))
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
