// Package controlplane is the slow, transactional side: tenants, people, devices, certificates, keys, the audit log and
// the usage ledger. It tells cells what exists and hears from them what happened; it never calls one. The module deploy
// runs it.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/billing/collect"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/metering"
	billingnats "github.com/millwright-io/millwright/billing/nats"
	"github.com/millwright-io/millwright/billing/outbox"
	billingpostgres "github.com/millwright-io/millwright/billing/postgres"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/reconciliation"
	"github.com/millwright-io/millwright/billing/stripe"
	"github.com/millwright-io/millwright/controlplane/internal/authority"
	"github.com/millwright-io/millwright/controlplane/internal/bulk"
	"github.com/millwright-io/millwright/controlplane/internal/caller"
	"github.com/millwright-io/millwright/controlplane/internal/cel"
	"github.com/millwright-io/millwright/controlplane/internal/cell"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/controlplane/internal/distribute"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/limit"
	"github.com/millwright-io/millwright/controlplane/internal/mail"
	"github.com/millwright-io/millwright/controlplane/internal/nats"
	"github.com/millwright-io/millwright/controlplane/internal/postgres"
	"github.com/millwright-io/millwright/controlplane/internal/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/smtp"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/tenancy/lastuse"
	"github.com/millwright-io/millwright/tenancy/ratelimit"
	"github.com/millwright-io/millwright/tenancy/tally"
)

const (
	// drainTimeout is how long running requests have to end.
	drainTimeout = 10 * time.Second
	headTimeout  = 10 * time.Second
	idleTimeout  = 2 * time.Minute
)

// App is a control plane. Run it once.
type App struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	plans   map[string]tenant.Limits
	store   *postgres.Store
	nats    *nats.Conn
	limiter *ratelimit.Limiter
	books   price.Books
	vault   *authority.Vault
	keys    *authority.Authority

	tokenKeys *tokenkey.Service

	requests *limit.Requests
	tally    *tally.Tally
	watcher  *limit.Watcher
	uses     *nats.Uses

	callers     *caller.Memory
	lastUses    *lastuse.Tracker
	courier     *mail.Courier
	queries     *cel.Queries
	jobs        *job.Service
	runner      *job.Runner
	worker      *tenant.Worker
	distributor *distribute.Distributor
	cells       *cell.Service
	reports     *nats.Reports
	heartbeats  *nats.Heartbeats
	collector   *collect.Collector
	budgets     *budget.Service
	tenants     *tenant.Service
	ledger      *billingpostgres.Store
	closer      *invoice.Closer
	// billingNow is the time by which months end.
	billingNow   func() time.Time
	billingEvery time.Duration

	// stripe, payer and teller are nil where invoices are not collected.
	stripe *stripe.Client
	payer  *outbox.Worker
	teller *metering.Teller

	reconciliation *reconciliation.Job

	certificates *certificate.Service

	api, metrics, est                 *http.Server
	apiAddr, metricsListen, estListen net.Listener
}

// New opens what cfg names and wires it; on error it closes what it opened. It listens, and serves nothing before Run.
// Postgres must be there; NATS and the identity server may come later.
func New(ctx context.Context, cfg Config, log *slog.Logger) (_ *App, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, log: log, now: time.Now}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	cells, err := cfg.cells()
	if err != nil {
		return nil, err
	}
	if a.books, err = price.Load(); err != nil {
		return nil, err
	}
	if err := a.openStore(ctx); err != nil {
		return nil, err
	}
	if err := a.openBilling(); err != nil {
		return nil, err
	}
	if err := a.openAuthority(ctx); err != nil {
		return nil, err
	}
	a.openCertificates()
	if a.nats, err = nats.Connect(nats.Config{URL: cfg.NATSURL, User: cfg.NATSUser, PasswordFile: cfg.NATSPasswordFile}, log); err != nil {
		return nil, err
	}
	if a.limiter, err = ratelimit.New(a.now); err != nil {
		return nil, err
	}
	names, known := make([]string, 0, len(cells)), make([]cell.Cell, 0, len(cells))
	for _, c := range cells {
		names, known = append(names, c.Name), append(known, c.noun())
	}
	if err := a.store.RegisterCells(ctx, known, a.now()); err != nil {
		return nil, err
	}
	a.cells = cell.NewService(a.store, names, a.now)
	catalog := nats.NewCatalog(a.nats, cfg.Replicas)
	a.worker = tenant.NewWorker(a.store, a.keys, catalog, rpc.AuditLine, a.closer.Final, log, a.now)
	tenants := tenant.NewService(a.store, a.worker, names, tenant.Plans(a.plans), cfg.DeletionGrace, a.now)
	a.tenants = tenants
	a.distributor = distribute.New(a.store, catalog, names, log)
	if err := a.openTokenKeys(ctx); err != nil {
		return nil, err
	}
	a.callers = caller.NewMemory(a.store, log)
	a.lastUses = lastuse.New(func(ctx context.Context, uses []lastuse.Use) error {
		return a.store.RecordKeyUses(ctx, key.PlaneControl, uses)
	}, cfg.LastUseInterval, log)
	if err := a.openMail(); err != nil {
		return nil, err
	}
	a.jobs = job.NewService(a.store, a.vault, a.now)
	a.runner = job.NewRunner(a.store, bulk.Workers(device.NewService(a.store, a.keys, a.now)), a.vault, log, a.now)
	a.reports = nats.NewReports(a.nats, tenants, a.certificates, a.store, log)
	a.heartbeats = nats.NewHeartbeats(a.nats, a.cells, log)
	a.requests, a.tally = limit.NewRequests(a.store, a.now), tally.New(a.now)
	a.watcher, a.uses = limit.NewWatcher(a.store, a.cfg.LimitsEvery, log, a.now), nats.NewUses(a.nats, a.store, log)
	a.collector = collect.New(a.ledger, a.log)
	if err := a.openPayments(ctx, tenants); err != nil {
		return nil, err
	}
	a.openReconciliation()
	handler, err := a.handler(cells, tenants)
	if err != nil {
		return nil, err
	}
	if err := a.listenEST(); err != nil {
		return nil, err
	}
	return a, a.listen(handler)
}

func (a *App) openStore(ctx context.Context) error {
	text, err := os.ReadFile(a.cfg.PostgresDSNFile)
	if err != nil {
		return fmt.Errorf("read postgres dsn file: %w", err)
	}
	dsn := strings.TrimSpace(string(text))
	if a.cfg.Migrate {
		if err := migrations.Postgres(ctx, dsn); err != nil {
			return err
		}
	}
	if a.plans, err = a.cfg.plans(); err != nil {
		return err
	}
	a.store, err = postgres.Open(ctx, dsn, a.plans)
	if err != nil {
		return err
	}
	if a.queries, err = cel.New(); err != nil {
		return err
	}
	a.store.UseQueries(a.queries)
	return nil
}

func (a *App) openAuthority(ctx context.Context) error {
	file, err := authority.OpenKeyFile(a.cfg.KEKFile)
	if err != nil {
		return err
	}
	a.vault = authority.NewVault(file)
	options := authority.Options{DeviceLife: a.cfg.DeviceCertificateLife, CRL: a.cfg.crl}
	if a.keys, err = authority.Open(ctx, a.vault, a.store, options, a.now); err != nil {
		return err
	}
	if a.cfg.GatewayCertificateDir == "" {
		return nil
	}
	_, err = a.keys.WriteServerCertificate(a.cfg.GatewayCertificateDir, a.cfg.GatewayHosts)
	return err
}

// openTokenKeys makes the first key of cell tokens when there is none; the cells must be registered.
func (a *App) openTokenKeys(ctx context.Context) error {
	policy := tokenkey.Policy{Period: a.cfg.TokenKeyPeriod, Ahead: a.cfg.TokenKeyAhead}
	a.tokenKeys = tokenkey.NewService(a.store, a.vault, policy, a.log, a.now)
	if err := a.tokenKeys.Keep(ctx); err != nil {
		return err
	}
	return a.tokenKeys.Check(ctx)
}

// openMail prepares the courier, when there is a mail server.
func (a *App) openMail() error {
	if a.cfg.MailURLFile == "" {
		return nil
	}
	text, err := os.ReadFile(a.cfg.MailURLFile)
	if err != nil {
		return fmt.Errorf("read mail url file: %w", err)
	}
	sender, err := smtp.Open(strings.TrimSpace(string(text)), a.cfg.MailFrom)
	if err != nil {
		return err
	}
	a.courier = mail.NewCourier(a.store, sender, strings.TrimRight(a.cfg.PublicURL, "/"), a.log, a.now)
	return nil
}

func (a *App) listen(handler http.Handler) (err error) {
	if a.apiAddr, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.cfg.Address); err != nil {
		return fmt.Errorf("listen for the API: %w; stop what uses the port or choose another address", err)
	}
	if a.metricsListen, err = (&net.ListenConfig{}).Listen(context.Background(), "tcp", a.cfg.MetricsAddress); err != nil {
		return fmt.Errorf("listen for metrics: %w; stop what uses the port or choose another address", err)
	}
	errorLog := slog.NewLogLogger(a.log.Handler(), slog.LevelWarn)
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	a.api = &http.Server{
		Handler: handler, ReadHeaderTimeout: headTimeout, ReadTimeout: time.Minute, IdleTimeout: idleTimeout,
		MaxHeaderBytes: 64 << 10, ErrorLog: errorLog, Protocols: &protocols,
	}
	a.metrics = &http.Server{Handler: a.metricsHandler(), ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout, ErrorLog: errorLog}
	return nil
}

// Addr is where the API listens.
func (a *App) Addr() string { return a.apiAddr.Addr().String() }

// MetricsAddr is where metrics and health are served.
func (a *App) MetricsAddr() string { return a.metricsListen.Addr().String() }

// Run serves until ctx is done, then drains in reverse order of start. It returns nil after a clean drain.
func (a *App) Run(ctx context.Context) error {
	defer a.close()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.distributor.Run(ctx) })
	g.Go(func() error { return a.tokenKeys.Run(ctx) })
	g.Go(func() error { return a.callers.Run(ctx) })
	g.Go(func() error { return a.lastUses.Run(ctx) })
	if a.courier != nil {
		g.Go(func() error { return a.courier.Run(ctx) })
	}
	g.Go(func() error { return a.runner.Run(ctx) })
	g.Go(func() error { return a.reports.Run(ctx) })
	g.Go(func() error {
		return certificate.NewWarden(a.store, strings.TrimRight(a.cfg.PublicURL, "/"), a.log, a.now).Run(ctx)
	})
	g.Go(func() error { return a.heartbeats.Run(ctx) })
	g.Go(func() error { return a.uses.Run(ctx) })
	g.Go(func() error { return a.watcher.Run(ctx) })
	g.Go(func() error { return a.recordUses(ctx) })
	g.Go(func() error { return a.budgets.Run(ctx) })
	g.Go(func() error { return a.worker.Run(ctx) })
	if a.payer != nil {
		g.Go(func() error { return a.payer.Run(ctx) })
		g.Go(func() error { return a.teller.Run(ctx) })
	}
	g.Go(func() error { return a.closer.Run(ctx) })
	g.Go(func() error { return a.applyPlanChanges(ctx, a.tenants) })
	g.Go(func() error { return billingnats.Consume(ctx, a.nats.JetStream(), a.collector, a.log) })
	g.Go(func() error { return a.reconciliation.Run(ctx) })
	if dir := a.cfg.GatewayCertificateDir; dir != "" {
		g.Go(func() error { return a.keys.KeepServerCertificate(ctx, dir, a.cfg.GatewayHosts, a.log) })
	}
	if a.est != nil {
		g.Go(func() error { return serveTLS(a.est, a.estListen) })
	}
	g.Go(func() error { return serve(a.metrics, a.metricsListen) })
	g.Go(func() error { return serve(a.api, a.apiAddr) })
	g.Go(func() error {
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if a.est != nil {
			_ = a.est.Shutdown(drain) // devices ask again
		}
		return errors.Join(a.api.Shutdown(drain), a.metrics.Shutdown(drain))
	})
	return g.Wait()
}

func serve(s *http.Server, l net.Listener) error {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

func serveTLS(s *http.Server, l net.Listener) error {
	if err := s.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", l.Addr(), err)
	}
	return nil
}

func (a *App) close() {
	for _, l := range []net.Listener{a.apiAddr, a.metricsListen, a.estListen} {
		if l != nil {
			_ = l.Close()
		}
	}
	if a.nats != nil {
		a.nats.Close()
	}
	if a.limiter != nil {
		_ = a.limiter.Close(context.Background())
	}
	if a.store != nil {
		a.store.Close()
	}
}
