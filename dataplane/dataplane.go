// Package dataplane is a cell: it takes telemetry in, makes it durable, processes it and serves it. Only the
// composition in deploy and its own tests start it; it never imports the control plane.
package dataplane

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/admission"
	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/gateway"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/live"
	"github.com/millwright-io/millwright/dataplane/internal/localcopy"
	"github.com/millwright-io/millwright/dataplane/internal/ownership"
	"github.com/millwright-io/millwright/dataplane/internal/rerun"
	"github.com/millwright-io/millwright/dataplane/internal/selfaudit"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
	"github.com/millwright-io/millwright/tenancy/tally"
)

// App is one cell.
type App struct {
	cfg Config
	log *slog.Logger
	now func() time.Time

	nats    *jetstream.Conn
	store   *clickhouse.Store
	catalog *catalog.Catalog
	feed    *jetstream.Feed
	tenants *provisioner
	inserts *commit.Inserter
	letters *jetstream.LetterMover
	counted *letterUsage
	keeper  *letterKeeper
	hours   *hourMaker
	totals  *selfaudit.Totals
	usage   *usage.Counter
	shares  *usage.Shares
	storage *storageMeter
	auditor *selfaudit.Auditor
	runner  func(partition int) *commit.Runner
	hub     *live.Hub
	relay   *live.Relay
	watch   *observer
	rerun   *rerun.Service
	gauge   *gauge
	metrics *metrics
	tracer  *trace.Tracer
	health  *health
	heart   *heart
	owned   *ownership.Keeper
	tally   *tally.Tally
	limiter *admission.Limiter
	sharer  *admission.Sharer
	days    *jetstream.Days

	lastUses *lastuse.Tracker

	// partitions are those that this process works on now.
	partitions partitions

	// instance is new with every start: no two share message ids, or rows of what they counted.
	instance string

	publisher                    *jetstream.Publisher
	deadLetters                  *jetstream.DeadLetters
	space                        *space
	gateway                      *gateway.Gateway
	api                          http.Handler
	apiListener, metricsListener net.Listener

	closers []func() error
}

// New opens what cfg names and wires it; on error it closes what it opened. It starts nothing.
func New(ctx context.Context, cfg Config, log *slog.Logger) (*App, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("cell configuration: %w", err)
	}
	a := &App{cfg: cfg, log: log, now: time.Now, catalog: catalog.New(), hub: live.New(), tally: tally.New(time.Now), instance: rand.Text()}
	a.partitions = partitions{runners: map[int]*commit.Runner{}, now: a.now}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	if err := a.openNATS(); err != nil {
		return err
	}
	if err := a.openStore(ctx); err != nil {
		return err
	}
	options := migrations.JetStreamOptions{LogMaxBytes: a.cfg.LogMaxBytes, DeadLetterMaxBytes: a.cfg.DeadLetterMaxBytes, Replicas: a.cfg.Replicas}
	if err := migrations.CellJetStream(ctx, a.nats, a.cfg.Cell, options); err != nil {
		return fmt.Errorf("prepare nats: %w", err)
	}
	var err error
	if a.days, err = jetstream.OpenDays(ctx, a.nats, a.cfg.Cell); err != nil {
		return err
	}
	a.health = &health{nats: a.nats, store: a.store}
	if a.metrics, err = newMetrics(); err != nil {
		return err
	}
	a.metrics.registry.MustRegister(&a.partitions)
	if a.tracer, err = trace.Open(ctx, a.cfg.Cell, a.cfg.Version, a.log); err != nil {
		return err
	}
	a.closers = append(a.closers, a.tracer.Close)
	if err := a.openFeed(); err != nil {
		return err
	}
	reports := jetstream.NewReports(a.nats, a.cfg.Cell)
	a.lastUses = lastuse.New(reports.KeysUsed, lastuse.Interval, a.log)
	a.tenants = newProvisioner(a.store, reports, a.catalog, a.hub, a.log)
	a.catalog.OnChange(a.tenants.changed)
	if err := a.openEngine(ctx, a.nats); err != nil {
		return err
	}
	a.openAudit()
	if err := a.openGateway(a.nats); err != nil {
		return err
	}
	if err := a.openAPI(ctx); err != nil {
		return err
	}
	owners, err := jetstream.OpenOwners(ctx, a.nats, a.cfg.Cell, a.log)
	if err != nil {
		return err
	}
	a.openOwnership(owners)
	return nil
}

func (a *App) openNATS() error {
	password, err := readSecret(a.cfg.NATSPasswordFile)
	if err != nil {
		return err
	}
	at := jetstream.Address{URL: a.cfg.NATSURL, Name: "millwright cell " + a.cfg.Cell, User: a.cfg.NATSUser, Password: password}
	if a.nats, err = jetstream.Connect(at, a.log); err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { a.nats.Close(); return nil })
	return nil
}

// openFeed prepares what fills the catalog.
func (a *App) openFeed() error {
	if a.cfg.CatalogDirectory == "" {
		a.feed = jetstream.NewFeed(a.nats, a.cfg.Cell, a.catalog, nil, a.log)
		return nil
	}
	local, err := localcopy.New(a.cfg.CatalogDirectory, a.cfg.Cell)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, local.Close)
	a.feed = jetstream.NewFeed(a.nats, a.cfg.Cell, a.catalog, local, a.log)
	return nil
}

func (a *App) openStore(ctx context.Context) error {
	password, err := readSecret(a.cfg.ClickHousePasswordFile)
	if err != nil {
		return err
	}
	secret, err := readSecret(a.cfg.StoreSecretFile)
	if err != nil {
		return err
	}
	a.store, err = clickhouse.New(clickhouse.Config{
		URL: a.cfg.ClickHouseURL, User: a.cfg.ClickHouseUser, Password: password, Secret: []byte(secret), Tier: a.cfg.tier(), CompactValues: a.cfg.CompactValues,
	})
	if err != nil {
		return err
	}
	a.closers = append(a.closers, a.store.Close)
	if err := a.store.Check(ctx); errors.Is(err, clickhouse.ErrLacks) {
		return err
	} else if err != nil { // it may be away: then each tenant's tables are tried until they are as they should be
		a.log.WarnContext(ctx, "whether the store has what is configured is not known yet", slog.Any("error", err))
	}
	return nil
}

func (a *App) openEngine(ctx context.Context, js *jetstream.Conn) error {
	log, err := jetstream.OpenLog(ctx, js, a.cfg.Cell, a.log)
	if err != nil {
		return err
	}
	commits, err := jetstream.OpenCommits(ctx, js, a.cfg.Cell)
	if err != nil {
		return err
	}
	if err := commits.Keep(ctx, a.cfg.Partitions); err != nil {
		return err
	}
	objects, err := jetstream.OpenObjects(ctx, js, a.cfg.Cell)
	if err != nil {
		return err
	}
	a.heart = &heart{app: a, sender: jetstream.NewHeart(js, a.cfg.Cell), events: log}
	a.tenants.objects = objects
	journeys := newJourneys(a.tracer, a.now)
	a.openUsage(jetstream.NewUsage(js, a.cfg.Cell))
	rows := store{a.store, a.catalog, a.metrics.times, journeys, a.usage}
	a.inserts = commit.NewInserter(rows, objects, a.cfg.InsertConcurrency, a.log)
	a.counted = &letterUsage{store: a.store, usage: a.totals, log: a.log, now: a.now, dirty: map[tenancy.ID]bool{}, rest: map[tenancy.ID]time.Time{}}
	a.catalog.OnChange(a.counted.changed)
	a.letters = jetstream.NewLetterMover(js, a.cfg.Cell, letters{rows, a.cfg.Cell, log, a.counted}, a.log)
	a.keeper = &letterKeeper{store: a.store, catalog: a.catalog, limits: deadletter.DefaultLimits(), log: a.log, now: a.now}
	a.hours = &hourMaker{store: a.store, catalog: a.catalog, log: a.log}
	a.relay = live.NewRelay(a.hub, jetstream.NewLive(js, a.cfg.Cell, a.log), a.instance, a.log, a.now)
	lowest := func(ctx context.Context) (uint64, error) { return commits.Lowest(ctx, a.cfg.Partitions) }
	a.gauge = newGauge(a)
	a.watch = &observer{
		hub: a.relay, metrics: a.metrics, progress: newProgress(&a.partitions), journeys: journeys, gauge: a.gauge,
		trimmer: commit.NewTrimmer(keptTail, lowest, log.Trim), refused: a.overNames, shares: a.shares, log: a.log, now: a.now,
	}
	a.metrics.watchProgress(a.watch.progress, a.hub)
	options := newEngineOptions(a.catalog, a.cfg.MeasurementsPerDevice, a.cfg.Partitions)
	a.rerun = rerun.New(quietReader{reader{store: a.store}}, options.now)
	source := jetstream.NewSource(log, objects, a.log)
	source.Taken = func(partition int, m jetstream.Message, events []telemetry.Event) {
		a.watch.took(partition, m)
		journeys.took(partition, m, events)
	}
	a.runner = func(partition int) *commit.Runner {
		return commit.New(commit.Config{
			Partition: partition, Cell: a.cfg.Cell, Events: a.cfg.CommitEvents, Interval: a.cfg.CommitInterval,
			CheckpointInterval: a.cfg.CheckpointInterval, Options: options.now,
		}, commit.Deps{
			Source: source, Ends: commits, Checkpoints: objects, Inserter: a.inserts,
			Usage: a.totals, Observer: a.watch, Log: a.log, Now: a.now,
			Stepping: func(took time.Duration) {
				a.metrics.times.Took(timing.Step, took)
				a.shares.Stepped(partition, took)
			},
			Hold: func(ctx context.Context) error { return a.hold(ctx, partition) },
		})
	}
	return nil
}

// close closes what was opened, newest first.
func (a *App) close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}
