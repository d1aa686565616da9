package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/latency"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
)

// A kind is a right that can be taken away. prepare is called once and returns what makes each trial.
type kind struct {
	// what says in a few words what is measured, for the table.
	what    string
	prepare func(ctx context.Context, s *scene) (func(ctx context.Context, n int) (trial, error), error)
}

// kinds are what `bench effect --kind` knows. A further kind is one more entry, in a file of its own.
var kinds = map[string]kind{
	"revoke":  {"certificate revoked at the control plane → session cut and last packet acknowledged at the gateway", prepareRevoke},
	"key":     {"API key revoked → last answer to it at the control plane and at the cell", prepareKey},
	"role":    {"role narrowed → last answer to who has it at the control plane and at the cell", prepareRole},
	"suspend": {"organisation suspended by an operator → its device's session cut and last packet acknowledged at the gateway, last answer to its key at the cell", prepareSuspend},

	"revoke-http": {"certificate revoked at the control plane → last event taken by the HTTP ingest", prepareRevokeHTTP},
	"policy":      {"a group's policy narrowed → last event of its device that the HTTP ingest takes", preparePolicy},
}

// trial is one right that is exercised now: a session that sends, a key that is asked with.
type trial struct {
	// take takes the right away; it returns when the control plane has answered.
	take func(ctx context.Context) error
	// felt waits until the right is gone for good, and tells when it last worked and the words of the refusal.
	felt func(ctx context.Context) (last time.Time, reason string, err error)
	// end gives back what the trial holds; it is called once, whatever happened.
	end func()
}

// scene is what trials work with.
type scene struct {
	target *target
	api    *rpc.Client
	env    command.Env
}

const (
	maxTrials = 100_000
	// trialTimeout is when a right that still works counts as a failure.
	trialTimeout = 30 * time.Second
)

type effect struct {
	api    *rpc.Options
	kind   string
	trials int
	asJSON bool
}

// Effect is the result of `bench effect`.
type Effect struct {
	Machine Machine `json:"machine"`
	Kind    string  `json:"kind"`
	Trials  int     `json:"trials"`
	// P50, P99 and Max run from before the call to the control plane until the right last worked.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
	// Answered is how long the control plane took to answer the call.
	AnsweredP50 float64 `json:"answered_p50_ms"`
	AnsweredP99 float64 `json:"answered_p99_ms"`
	// Reasons counts the words of the refusals, names taken out.
	Reasons map[string]int `json:"reasons"`
}

func effectCommand() command.Command {
	known := strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")
	return command.Command{
		Name: "bench effect", Summary: "time from taking a right away until it is gone where it was used",
		Details: "Each trial exercises a right without pause, takes it away through the control plane, and waits until it is refused for " +
			"good. Time runs from before the call until the right last worked. Fails when one works on for " + trialTimeout.String() + ".",
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := &effect{api: rpc.KeyFlags(fs)}
			fs.StringVar(&f.kind, "kind", "revoke", "what is taken away: "+known)
			fs.IntVar(&f.trials, "trials", 1000, "`number` of trials, one after the other")
			fs.BoolVar(&f.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}
}

func (f *effect) run(ctx context.Context, e command.Env) (err error) {
	k, ok := kinds[f.kind]
	if !ok || f.trials < 1 || f.trials > maxTrials {
		return command.Usage("want --kind %s, --trials 1 to %d", strings.Join(slices.Sorted(maps.Keys(kinds)), " or "), maxTrials)
	}
	t, err := aim(ctx, e, f.api, "empty")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	api, err := rpc.Dial(t.Server, t.Key)
	if err != nil {
		return err
	}
	next, err := k.prepare(ctx, &scene{target: t, api: api, env: e})
	if err != nil {
		return err
	}
	result := Effect{Machine: machine(e.Now()), Kind: f.kind, Reasons: map[string]int{}}
	var felt, answered latency.Histogram
	for n := range f.trials {
		one, err := next(ctx, n)
		if err != nil {
			return fmt.Errorf("prepare trial %d: %w", n+1, err)
		}
		if err := measure(ctx, e, one, &felt, &answered, result.Reasons); err != nil {
			return fmt.Errorf("trial %d: %w", n+1, err)
		}
		result.Trials++
	}
	result.P50, result.P99, result.Max = milliseconds(felt.Quantile(0.5)), milliseconds(felt.Quantile(0.99)), milliseconds(felt.Quantile(1))
	result.AnsweredP50, result.AnsweredP99 = milliseconds(answered.Quantile(0.5)), milliseconds(answered.Quantile(0.99))
	return report(e.Out, f.asJSON, result, result.table(k.what))
}

// measure runs one trial to its end.
func measure(ctx context.Context, e command.Env, one trial, felt, answered *latency.Histogram, reasons map[string]int) error {
	defer one.end()
	ctx, cancel := context.WithTimeout(ctx, trialTimeout)
	defer cancel()
	begun := e.Now()
	if err := one.take(ctx); err != nil {
		return rpc.Explain(err)
	}
	answered.Add(e.Now().Sub(begun))
	last, reason, err := one.felt(ctx)
	if err != nil {
		return err
	}
	felt.Add(max(0, last.Sub(begun)))
	reasons[reason]++
	return nil
}

func (r Effect) table(what string) []string {
	lines := []string{
		r.Machine.String(), fmt.Sprintf("%d trials: %s", r.Trials, what), "",
		fmt.Sprintf("in effect  p50 %.1f ms  p99 %.1f ms  max %.1f ms", r.P50, r.P99, r.Max),
		fmt.Sprintf("answered   p50 %.1f ms  p99 %.1f ms", r.AnsweredP50, r.AnsweredP99), "",
	}
	for _, reason := range slices.Sorted(maps.Keys(r.Reasons)) {
		lines = append(lines, fmt.Sprintf("%8d × %s", r.Reasons[reason], reason))
	}
	return lines
}
