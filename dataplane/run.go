package dataplane

import (
	"context"
	"errors"
	"log/slog"

	"golang.org/x/sync/errgroup"
)

// stage is a set of parts that start and stop together.
type stage struct {
	group *errgroup.Group
	ctx   context.Context //nolint:containedctx // it is the stage
	stop  context.CancelFunc
}

// begin starts a stage that outlives ctx: Run stops it in its turn. A part that fails cancels failed.
func begin(ctx context.Context, failed context.CancelCauseFunc, parts ...func(context.Context) error) *stage {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	group, gctx := errgroup.WithContext(ctx)
	for _, part := range parts {
		group.Go(func() error {
			err := part(gctx)
			if err != nil {
				failed(err)
			}
			return err
		})
	}
	return &stage{group: group, ctx: gctx, stop: stop}
}

func (s *stage) end() error {
	s.stop()
	return s.group.Wait()
}

// Run serves until ctx is done, then drains in reverse order of start: first what takes events in, then what makes them
// durable, then what stores them. It returns nil after a clean drain.
func (a *App) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, a.close()) }()
	running, failed := context.WithCancelCause(ctx)
	defer failed(nil)
	var stages []*stage
	defer func() {
		for i := len(stages) - 1; i >= 0; i-- {
			err = errors.Join(err, stages[i].end())
		}
	}()
	stages = append(stages, begin(ctx, failed, a.always()...))
	select {
	case <-a.feed.Ready():
	case <-running.Done():
		return nil
	}
	stages = append(stages, begin(ctx, failed, a.owned.Run, a.relay.Run, a.auditor.Run))
	stages = append(stages, begin(ctx, failed, a.publisher.Run, a.deadLetters.Run, a.sharer.Run, a.keepDays))
	stages = append(stages, begin(ctx, failed, a.gateway.Run, a.sampleUses, func(ctx context.Context) error { return serve(ctx, a.apiListener, a.api) }))
	a.health.started.Store(true)
	addrs := a.Addrs()
	a.log.InfoContext(ctx, "cell ready", slog.String("cell", a.cfg.Cell), slog.String("api", addrs.API), slog.String("mqtt", addrs.MQTT),
		slog.String("ingest", addrs.Ingest), slog.String("metrics", addrs.Metrics), slog.String("nats", addrs.NATS))
	<-running.Done()
	a.health.started.Store(false)
	a.log.InfoContext(ctx, "cell draining")
	return nil
}

// always are the parts that run from first to last.
func (a *App) always() []func(context.Context) error {
	return []func(context.Context) error{a.feed.Run, a.serveMetrics, a.gauge.run, a.gauge.tell, a.space.run, a.reportUses, a.lastUses.Run, a.usage.Run}
}
