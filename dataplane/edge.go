package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/admission"
	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/gateway"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/rpc"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/casbin"
	"github.com/millwright-io/millwright/tenancy/ratelimit"
)

// openGateway listens for devices.
func (a *App) openGateway(js *jetstream.Conn) error {
	publishing := jetstream.DefaultPublisherConfig()
	publishing.Cell, publishing.Partitions, publishing.Instance = a.cfg.Cell, a.cfg.Partitions, a.instance
	publishing.Traces = a.tracer != nil
	measured, err := gateway.NewMetrics(a.metrics.registry, a.metrics.times)
	if err != nil {
		return fmt.Errorf("gateway metrics: %w", err)
	}
	a.heart.stored = measured.Stored
	a.publisher = jetstream.NewPublisher(js, publishing, measured, a.log, a.now)
	a.deadLetters = jetstream.NewDeadLetters(js, a.cfg.Cell, a.instance, a.log)
	a.space = &space{
		Publisher: a.publisher, letters: a.deadLetters, dir: a.cfg.SpaceDirectory, reserve: uint64(a.cfg.SpaceReserveBytes), //nolint:gosec // validated
		free: FreeSpace, log: a.log,
	}
	if a.cfg.SpaceDirectory != "" {
		if _, err := FreeSpace(a.cfg.SpaceDirectory); err != nil {
			return err
		}
	}
	a.limiter = admission.New(a.catalog, a.now)
	a.sharer = admission.NewSharer(a.limiter, jetstream.NewShares(js, a.cfg.Cell, a.log), a.instance, a.now)
	cfg := gateway.DefaultConfig()
	cfg.MQTTAddress, cfg.WebSocketAddress, cfg.HTTPAddress = a.cfg.MQTTAddress, a.cfg.MQTTWebSocketAddress, a.cfg.IngestAddress
	cfg.NATSAddress = a.cfg.DeviceNATSAddress
	cfg.CertificateDir, cfg.PayloadBytes = a.cfg.GatewayCertificateDir, a.cfg.PayloadBytes
	a.gateway, err = gateway.New(gateway.Deps{
		Catalog: a.catalog, Publisher: a.space, DeadLetters: deadLetters{a.space}, Limiter: a.limiter,
		Seen: jetstream.NewReports(a.nats, a.cfg.Cell).Seen, Refused: a.tally.Refuse, Metrics: measured, Tracer: a.tracer, Log: a.log, Now: a.now,
	}, cfg)
	return err
}

// openAPI listens for people and programs.
func (a *App) openAPI(ctx context.Context) error {
	authorizer, err := casbin.New(definitions{a.catalog})
	if err != nil {
		return err
	}
	limiter, err := ratelimit.New(a.now)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, func() error { return limiter.Close(context.Background()) })
	public := a.cfg.ClickHousePublicURL
	if public == "" {
		public = a.cfg.ClickHouseURL
	}
	a.api, err = rpc.Handler(rpc.Deps{
		Cell: a.cfg.Cell, Version: a.cfg.Version, Pipeline: a.gauge, Catalog: a.catalog, Hub: a.hub, Times: a.metrics.times, Rerun: a.rerun,
		Queries: query.New(reader{store: a.store, times: a.metrics.times, settled: a.tenants.settled, usage: a.usage}, a.now),
		Letters: deadletter.New(letterStore{a.store}, gateway.Resender{Gateway: a.gateway}, deadletter.DefaultLimits(), a.now),
		Access: func(t tenancy.ID) rpc.Access {
			return rpc.Access{URL: public, Database: t.Database(), Username: t.Database(), Password: a.store.Password(t)}
		},
		Authorizer: authorizer, Limiter: limiter, KeyUsed: a.lastUses.Seen, Slots: admission.NewSlots(tenancy.LimitQueryConcurrency, time.Second), Tally: a.tally, Requested: func(t tenancy.ID) { a.usage.Add(t, usage.Requests, 1) }, Origins: a.cfg.ConsoleOrigins, Log: a.log, Now: a.now,
	})
	if err != nil {
		return err
	}
	for _, l := range []struct {
		into          *net.Listener
		name, address string
	}{{&a.apiListener, "the API", a.cfg.APIAddress}, {&a.metricsListener, "metrics", a.cfg.MetricsAddress}} {
		if *l.into, err = new(net.ListenConfig).Listen(ctx, "tcp", l.address); err != nil {
			return fmt.Errorf("listen for %s on %s: %w: free the port or choose another address", l.name, l.address, err)
		}
		listener := *l.into
		a.closers = append(a.closers, func() error { _ = listener.Close(); return nil }) // its server may have closed it
	}
	return nil
}

// definitions are the tenants' own roles, for the authorizer.
type definitions struct{ catalog *catalog.Catalog }

func (d definitions) CustomRoles(_ context.Context, id tenancy.ID) (*tenancy.CustomRoles, error) {
	return d.catalog.CustomRoles(id), nil
}

// reader is the query service's view of ClickHouse.
type reader struct {
	store *clickhouse.Store
	// times is told how long a statement took; nil: nobody is.
	times *timing.Times
	// settled waits a little for a tenant's storage to be made, and says whether it is there; nil: nobody waits.
	settled func(ctx context.Context, tenant tenancy.ID) bool
	// usage counts the time; nil: it is our own.
	usage *usage.Counter
}

// Query reads, once more if the tenant is so new that its storage was not there yet.
func (r reader) Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(query.Row) error) error {
	defer func(begun time.Time) {
		r.times.Took(timing.Query, time.Since(begun))
		if r.usage != nil {
			r.usage.Took(tenant, usage.QueryTime, time.Since(begun))
		}
	}(time.Now())
	read := func() error {
		return r.store.Query(ctx, tenant, text, args, func(rows clickhouse.Rows) error { return each(rows) })
	}
	err := read()
	if clickhouse.Unprepared(err) && r.settled != nil && r.settled(ctx, tenant) {
		return read()
	}
	return err
}

// Addrs are the addresses that a cell listens on.
type Addrs struct{ API, Ingest, MQTT, MQTTWebSocket, NATS, Metrics string }

// Addrs returns the addresses with the ports that were given.
func (a *App) Addrs() Addrs {
	g := a.gateway.Addrs()
	return Addrs{API: a.apiListener.Addr().String(), Ingest: g.HTTP, MQTT: g.MQTT, MQTTWebSocket: g.WebSocket, NATS: g.NATS, Metrics: a.metricsListener.Addr().String()}
}

const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 32 << 10
	// shutdownTimeout is how long a stop waits for requests.
	shutdownTimeout = 5 * time.Second
)

// serve serves HTTP/1 and HTTP/2 in the clear on a listener until ctx is done.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	base, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	server := &http.Server{
		Handler: handler, Protocols: protocols, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, BaseContext: func(net.Listener) context.Context { return base },
	}
	stopped := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		cancel() // streams end; requests in hand fail with a sentence
		grace, done := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer done()
		stopped <- server.Shutdown(grace)
	})()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	if err := <-stopped; err != nil {
		return fmt.Errorf("stop serving %s: %w", listener.Addr(), err)
	}
	return nil
}
