package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/ownership"
	"github.com/millwright-io/millwright/dataplane/internal/query"
)

const (
	// firstPartition comes with the work that one process of a cell does for all.
	firstPartition = 0
	// workTries is how often in a row work on a partition may fail before the process ends, workPause lies between two.
	workTries = 3
	workPause = time.Second
	// workedWell is how long work must have gone on for its failure to be the first in a row again.
	workedWell = time.Minute
)

// partitions are those that this process works on.
type partitions struct {
	mu      sync.Mutex
	runners map[int]*commit.Runner
	now     func() time.Time
}

func (p *partitions) add(partition int, r *commit.Runner) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.runners[partition] = r
}

func (p *partitions) remove(partition int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.runners, partition)
}

// lags is how far the engine is behind, a partition: how long its oldest frame has waited for its rows.
func (p *partitions) lags() map[int]time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	lags := make(map[int]time.Duration, len(p.runners))
	for partition, r := range p.runners {
		lags[partition] = 0
		if oldest, ok := r.Waiting(); ok {
			lags[partition] = max(0, p.now().Sub(oldest))
		}
	}
	return lags
}

// has reports whether this process works on a partition.
func (p *partitions) has(partition int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runners[partition] != nil
}

var (
	ownedDesc = prometheus.NewDesc("millwright_engine_partition_owned", "1 for a partition that this process works on; over all processes of a cell each partition has one.", []string{"partition"}, nil)
	lagDesc   = prometheus.NewDesc("millwright_engine_partition_lag_seconds", "How long the oldest frame of a partition has waited for its rows to be stored; told by the process that works on it.", []string{"partition"}, nil)
)

// Describe implements prometheus.Collector.
func (p *partitions) Describe(to chan<- *prometheus.Desc) {
	to <- ownedDesc
	to <- lagDesc
}

// Collect implements prometheus.Collector.
func (p *partitions) Collect(to chan<- prometheus.Metric) {
	for partition, lag := range p.lags() {
		label := strconv.Itoa(partition)
		to <- prometheus.MustNewConstMetric(ownedDesc, prometheus.GaugeValue, 1, label)
		to <- prometheus.MustNewConstMetric(lagDesc, prometheus.GaugeValue, lag.Seconds(), label)
	}
}

// place is an address that only one process can have at a time: who had it before is gone.
func (a *App) place() string {
	host, err := os.Hostname()
	if err != nil {
		host = a.instance // no place to be recognised by
	}
	return host + "/" + a.apiListener.Addr().String()
}

// openOwnership prepares this process's share of the partitions; its addresses are known by then.
func (a *App) openOwnership(registry ownership.Registry) {
	a.owned = ownership.NewKeeper(ownership.Config{
		Self:       ownership.Member{Process: a.instance, Started: a.now(), Place: a.place(), Works: !a.cfg.GatewayOnly},
		Partitions: a.cfg.Partitions, Load: a.load, Work: a.work,
	}, registry, a.log, a.now)
}

// work works on a partition until ctx is done. What fails is begun anew from the last checkpoint, a few times.
func (a *App) work(ctx context.Context, partition int) error {
	for try := 1; ; try++ {
		begun := a.now()
		err := a.workOnce(ctx, partition)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // it was told to stop
		case errors.Is(err, commit.ErrFenced) || errors.Is(err, ownership.ErrTaken):
			return fmt.Errorf("%w: %w", ownership.ErrTaken, err)
		}
		if a.now().Sub(begun) > workedWell {
			try = 1
		}
		if try == workTries {
			return err
		}
		a.log.ErrorContext(ctx, "work on a partition failed, beginning anew", slog.Int("partition", partition), slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(workPause):
		}
	}
}

func (a *App) workOnce(ctx context.Context, partition int) error {
	runner := a.runner(partition)
	a.partitions.add(partition, runner)
	defer a.partitions.remove(partition)
	a.totals.Begin(partition)
	defer a.totals.End(partition)
	group, gctx := errgroup.WithContext(ctx)
	parts := []func(context.Context) error{runner.Run}
	if partition == firstPartition {
		a.totals.Begin(query.LetterPartition)
		defer a.totals.End(query.LetterPartition)
		parts = append(parts, a.forAll()...)
	}
	for _, part := range parts {
		group.Go(func() error { return part(gctx) })
	}
	return group.Wait()
}

// hold waits until this process is sure to have a partition.
func (a *App) hold(ctx context.Context, partition int) error {
	err := a.owned.Hold(ctx, partition)
	if errors.Is(err, ownership.ErrTaken) {
		return fmt.Errorf("%w: %w", commit.ErrFenced, err)
	}
	return err
}

// forAll is what one process of the cell does for all of them.
func (a *App) forAll() []func(context.Context) error {
	a.counted.all(a.catalog.Tenants())
	return []func(context.Context) error{a.tenants.run, a.inserts.Run, a.letters.Run, a.counted.run, a.keeper.run, a.hours.run, a.storage.run, a.heart.run}
}

// load is what this process tells the others of itself.
func (a *App) load() ownership.Load {
	l := ownership.Load{EventsPerSecond: a.heart.rate()}
	for _, lag := range a.partitions.lags() {
		l.Lag = max(l.Lag, lag)
	}
	return l
}
