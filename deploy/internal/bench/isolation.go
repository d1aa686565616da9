package bench

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// hostileTimes is how much of its quota a hostile tenant offers, victimShare what a victim uses of its own.
	hostileTimes = 100
	victimShare  = 0.1
	// settleTime is between two halves of a round; what is sent meanwhile counts for neither.
	settleTime = 3 * time.Second
	maxVictims = 50
)

// quota is every tenant's, victim and hostile alike.
var quota = map[string]int64{
	tenancy.LimitEventsPerSecond: 100, tenancy.LimitEventsBurst: 200, tenancy.LimitRequestsPerSecond: 20,
	tenancy.LimitQueryConcurrency: 4, tenancy.LimitLiveSessions: 10, tenancy.LimitConnections: 300, tenancy.LimitSeries: 1000, tenancy.LimitQueryTime: 200,
}

type isolation struct {
	victims, rounds int
	half            time.Duration
	hostile         string
	within          float64
	asJSON          bool
}

func isolationCommand() command.Command {
	known := strings.Join(slices.Sorted(maps.Keys(attacks)), ",")
	return command.Command{
		Name: "bench isolation", Summary: "what tenants within their quota feel of others far above theirs",
		Details: "Founds --victims tenants that use a tenth of their quota and one hostile tenant for each of --hostile, which offers a hundred " +
			"times its own. Each round measures the victims alone, then beside the hostile ones; latency counts from when a message or query was due. " +
			"Fails when an acknowledged event of a victim is missing or stored twice, a message of one is refused, or, with --within, their p99 beside is more times that alone or a query of one failed.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			f := &isolation{}
			fs.IntVar(&f.victims, "victims", 10, "`number` of tenants within their quota")
			fs.IntVar(&f.rounds, "rounds", 3, "`number` of rounds")
			fs.DurationVar(&f.half, "half", 20*time.Second, "how long each half of a round lasts")
			fs.StringVar(&f.hostile, "hostile", known, "kinds of hostile tenants, separated by commas")
			fs.Float64Var(&f.within, "within", 0, "fail when a p99 is more than so many `times` that of the victims alone; 0: only report")
			fs.BoolVar(&f.asJSON, "json", false, "print JSON")
			return func(ctx context.Context, e command.Env, _ []string) error { return f.run(ctx, e) }
		},
	}
}

func (f *isolation) run(ctx context.Context, e command.Env) (err error) {
	kinds := strings.FieldsFunc(f.hostile, func(r rune) bool { return r == ',' || r == ' ' })
	for _, k := range kinds {
		if _, ok := attacks[k]; !ok {
			return command.Usage("--hostile %q: want some of %s", k, strings.Join(slices.Sorted(maps.Keys(attacks)), ", "))
		}
	}
	if f.victims < 1 || f.victims > maxVictims || f.rounds < 1 || f.rounds > 100 || f.half < time.Second || f.half > 10*time.Minute || f.within < 0 {
		return command.Usage("want 1 to %d --victims, 1 to 100 --rounds, --half of 1s to 10m, --within 0 or more", maxVictims)
	}
	t, err := launch(ctx, e, "empty")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	operator, err := rpc.DialPerson(ctx, rpc.Person{Server: t.Server, File: t.access.file}, e)
	if err != nil {
		return err
	}
	victims, err := newVictims(ctx, t.Server, operator, f.victims, e)
	if err != nil {
		return err
	}
	enemy, err := newHostile(ctx, t.Server, operator, kinds, e)
	if err != nil {
		return err
	}
	defer enemy.kill()
	result, err := f.measure(ctx, e, t, victims, enemy)
	if err != nil {
		return err
	}
	if err := report(e.Out, f.asJSON, result, result.table()); err != nil {
		return err
	}
	return result.judge(f.within)
}

// measure runs the rounds.
func (f *isolation) measure(ctx context.Context, e command.Env, t *target, victims *victims, enemy *hostile) (*Isolation, error) {
	result := &Isolation{Machine: machine(e.Now()), Victims: f.victims, Rounds: f.rounds, Half: f.half.Seconds(), Quota: quota}
	victims.start(ctx)
	defer victims.stop()
	if err := pause(ctx, settleTime); err != nil {
		return nil, err
	}
	before, busy, begun := byName(append(tree(t.root), own()...)), busySeconds(), e.Now()
	for range f.rounds {
		if err := victims.during(ctx, alone, f.half); err != nil {
			return nil, err
		}
		if err := enemy.say("on"); err != nil {
			return nil, err
		}
		if err := victims.during(ctx, beside, f.half); err != nil {
			return nil, err
		}
		if err := enemy.say("off"); err != nil {
			return nil, err
		}
		if err := pause(ctx, settleTime); err != nil {
			return nil, err
		}
	}
	var err error
	if result.Hostile, err = enemy.end(); err != nil {
		return nil, err
	}
	result.Processes = since(before, byName(append(append(tree(t.root), own()...), enemy.process)))
	result.Elsewhere = elsewhere(busySeconds()-busy, result.Processes, e.Now().Sub(begun))
	victims.drain(ctx)
	result.Alone, result.Beside = victims.halves[alone].result(), victims.halves[beside].result()
	result.AckRatio, result.QueryRatio = ratio(result.Beside.AckP99, result.Alone.AckP99), ratio(result.Beside.QueryP99, result.Alone.QueryP99)
	result.Lost, err = victims.compare(ctx)
	return result, err
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// judge says what does not hold.
func (r *Isolation) judge(within float64) error {
	var errs []error
	if r.Lost.Missing > 0 || r.Lost.Duplicate > 0 || r.Lost.Unanswered > 0 {
		errs = append(errs, fmt.Errorf("of %d events that victims got acknowledged %d are missing and %d are stored twice; %d were not answered", r.Lost.Acked, r.Lost.Missing, r.Lost.Duplicate, r.Lost.Unanswered))
	}
	if refused := r.Alone.Refused + r.Beside.Refused; refused > 0 {
		errs = append(errs, fmt.Errorf("%d messages of victims were refused: %s", refused, cmp.Or(r.Beside.Reason, r.Alone.Reason)))
	}
	if failed := r.Alone.Failed + r.Beside.Failed; within > 0 && failed > 0 {
		errs = append(errs, fmt.Errorf("%d queries of victims failed: %s", failed, cmp.Or(r.Beside.Reason, r.Alone.Reason)))
	}
	if within > 0 && (r.AckRatio > within || r.QueryRatio > within) {
		errs = append(errs, fmt.Errorf("the victims' p99 beside hostile tenants is %.2f (acknowledgement) and %.2f (query) times that alone, want at most %.2f", r.AckRatio, r.QueryRatio, within))
	}
	return errors.Join(errs...)
}
