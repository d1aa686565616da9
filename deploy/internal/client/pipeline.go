package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	pipelinev1 "github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1"
)

func pipelineCommands() []command.Command {
	return []command.Command{{
		Name: "cell pipeline", Args: "NAME", Summary: "show how events fare on their way through a cell; for operators of the installation",
		Prepare: signedIn(func(ctx context.Context, c *call) error {
			answer, err := c.Pipeline(ctx, c.args[0])
			return c.answer(answer, err, func(w io.Writer) { printPipeline(w, answer) })
		}),
	}, {
		Name: "cell profile", Args: "NAME", Summary: "take a profile of a cell's process, for go tool pprof; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			kind := fs.String("kind", "profile", "profile (CPU), heap, goroutine, allocs, block, mutex or trace")
			seconds := fs.Int("seconds", 10, "how long to watch, for profile and trace")
			out := fs.String("out", "", "file that takes the profile")
			return func(ctx context.Context, c *call) error {
				if *out == "" {
					return command.Usage("--out: name the file that takes the profile")
				}
				if *kind != "profile" && *kind != "trace" {
					*seconds = 0
				}
				body, err := c.Profile(ctx, c.args[0], *kind, *seconds)
				if err != nil {
					return err
				}
				defer func() { _ = body.Close() }()
				file, err := os.OpenFile(*out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
				if err != nil {
					return fmt.Errorf("write the profile: %w", err)
				}
				_, err = io.Copy(file, body)
				if closed := file.Close(); err == nil {
					err = closed
				}
				if err != nil {
					return fmt.Errorf("write the profile to %s: %w", *out, err)
				}
				return nil
			}
		}),
	}}
}

func printPipeline(w io.Writer, p *pipelinev1.GetResponse) {
	_, _ = fmt.Fprintf(w, "cell %s  stored %.0f/s  duplicates %.1f/s  dead letters %.1f/s  sessions %d  live %d  over the last %s\n\n", p.GetCell(), p.GetStoredPerSecond(),
		p.GetDuplicatesPerSecond(), p.GetDeadLettersPerSecond(), p.GetSessions(), p.GetLiveSessions(), p.GetSpan().AsDuration().Round(time.Second))
	table(w, "PARTITION WAITING BEHIND COMMITTED", func(row func(...any)) {
		for _, r := range p.GetPartitions() {
			row(r.GetPartition(), r.GetWaiting(), r.GetBehind().AsDuration().Round(time.Millisecond), r.GetCommitted())
		}
	})
	_, _ = fmt.Fprintln(w)
	table(w, "STAGE PER_SECOND P50 P99", func(row func(...any)) {
		for _, s := range p.GetStages() {
			row(s.GetStage(), fmt.Sprintf("%.1f", s.GetPerSecond()), latency(s.GetP50()), latency(s.GetP99()))
		}
	})
	_, _ = fmt.Fprintln(w)
	table(w, "TENANT EVENTS/S POINTS/S DEAD_LETTERS/S", func(row func(...any)) {
		for _, t := range p.GetTenants() {
			row(t.GetTenantId(), fmt.Sprintf("%.1f", t.GetEventsPerSecond()), fmt.Sprintf("%.1f", t.GetPointsPerSecond()), fmt.Sprintf("%.2f", t.GetDeadLettersPerSecond()))
		}
	})
	for _, r := range p.GetRefusals() {
		_, _ = fmt.Fprintf(w, "refused: %s %.1f/s\n", r.GetReason(), r.GetPerSecond())
	}
}

func latency(d *durationpb.Duration) string {
	if d == nil {
		return "-"
	}
	return d.AsDuration().Round(time.Microsecond).String()
}
