// Package gateway is the one way in for devices: MQTT 3.1.1 and 5 over TLS and over WebSocket, NATS, and HTTP. It says who
// sends, admits, decodes, hands on to the log, and answers only when the log has the event. The composition root of the
// cell imports it.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/dataplane/internal/trace"
	"github.com/millwright-io/millwright/tenancy"
)

// Publisher makes events durable. Append blocks while there is no room, until ctx is done; events may be reused when it
// returns. Unless it returns an error, the receipt is told exactly once.
type Publisher interface {
	Partitions() int
	Append(ctx context.Context, partition int, events []telemetry.Event, receipt frame.Receipt, token uint64) error
}

// DeadLetters makes durable what could not be understood, under the same contract.
type DeadLetters interface {
	Append(ctx context.Context, letter telemetry.DeadLetter, receipt frame.Receipt, token uint64) error
}

// Limiter admits n events of a device if the rates of the device, its groups and its tenant allow them within the time
// most, and returns how long to wait.
type Limiter interface {
	ReserveN(tenant tenancy.ID, device string, n int, most time.Duration) (time.Duration, error)
	// ReserveLate is ReserveN for a message of late events only.
	ReserveLate(tenant tenancy.ID, device string, n int, most time.Duration) (time.Duration, error)
	// Look says what ReserveN would say to one event, and takes nothing.
	Look(tenant tenancy.ID, device string, most time.Duration) error
}

// Deps are what a gateway works with; all but Tracer are required.
type Deps struct {
	Catalog     *catalog.Catalog
	Publisher   Publisher
	DeadLetters DeadLetters
	Limiter     Limiter
	// Refused is told how many events, or connections, of a tenant a limit refused.
	Refused func(tenant tenancy.ID, err *tenancy.LimitError, n int)
	// Seen announces a certificate of a tenant's own CA that the catalog does not have.
	Seen    func(ctx context.Context, tenant tenancy.ID, authority string, der []byte) error
	Metrics *Metrics
	// Tracer follows some messages; nil: none.
	Tracer *trace.Tracer
	Log    *slog.Logger
	Now    func() time.Time
}

// Gateway serves devices.
type Gateway struct {
	Deps
	cfg       Config
	files     *certificates
	sessions  *sessions
	announced announced
	open      atomic.Int64
	decoders  *decoders

	// instance is what clients of NATS know this process by.
	instance string
	clients  atomic.Uint64

	mqtt, websocket, http, nats net.Listener
	// ctx ends when the gateway has drained; connections live under it.
	ctx    context.Context //nolint:containedctx // a connection has no caller to get one from
	cancel context.CancelFunc
	conns  sync.WaitGroup
}

// Addrs are the addresses that a gateway listens on.
type Addrs struct{ MQTT, WebSocket, HTTP, NATS string }

// New reads the certificates and listens; it serves nothing before Run.
func New(deps Deps, cfg Config) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("gateway configuration: %w", err)
	}
	files, err := openCertificates(cfg.CertificateDir, deps.Now, deps.Log)
	if err != nil {
		return nil, err
	}
	g := &Gateway{Deps: deps, cfg: cfg, files: files, sessions: newSessions(), instance: string(tenancy.NewID())}
	g.decoders = newDecoders(cfg.limits())
	g.ctx, g.cancel = context.WithCancel(context.Background())
	for _, l := range []struct {
		into          *net.Listener
		name, address string
	}{{&g.mqtt, "mqtt", cfg.MQTTAddress}, {&g.websocket, "mqtt websocket", cfg.WebSocketAddress}, {&g.http, "http ingest", cfg.HTTPAddress}, {&g.nats, "nats for devices", cfg.NATSAddress}} {
		if l.address == "" {
			continue
		}
		if *l.into, err = new(net.ListenConfig).Listen(g.ctx, "tcp", l.address); err != nil {
			g.close()
			return nil, fmt.Errorf("listen for %s on %s: %w: free the port or choose another address", l.name, l.address, err)
		}
	}
	return g, nil
}

// overLimit notes the refusal of n events, if it was a limit that refused them.
func (g *Gateway) overLimit(tenant tenancy.ID, err error, n int) {
	if limit := (*tenancy.LimitError)(nil); errors.As(err, &limit) {
		g.Refused(tenant, limit, n)
	}
}

// Connections counts the open sessions, over MQTT and NATS, of each tenant that has any.
func (g *Gateway) Connections() map[tenancy.ID]int { return g.sessions.count() }

func (g *Gateway) close() {
	for _, l := range []net.Listener{g.mqtt, g.websocket, g.http, g.nats} {
		if l != nil {
			_ = l.Close() // nothing is lost with a listener
		}
	}
	g.cancel()
}

// Addrs returns the addresses with the ports that were given.
func (g *Gateway) Addrs() Addrs {
	return Addrs{addressOf(g.mqtt), addressOf(g.websocket), addressOf(g.http), addressOf(g.nats)}
}

// addressOf is empty for what is not listened for.
func addressOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Run serves until ctx is done. Then it takes nothing new, waits for the answers that are due, at most
// Config.DrainTimeout, says goodbye and returns nil. The publisher must run until Run has returned.
func (g *Gateway) Run(ctx context.Context) error {
	defer g.close()
	defer g.Catalog.OnChange(g.recheck)()
	ws, web := g.websocketServer(), g.httpServer()
	group, running := errgroup.WithContext(ctx)
	for _, way := range []struct {
		listener net.Listener
		serve    func() error
	}{
		{g.mqtt, func() error { return g.accept(running, g.mqtt, g.mqttDoor()) }},
		{g.nats, func() error { return g.accept(running, g.nats, g.natsDoor()) }},
		{g.websocket, func() error { return serveHTTP(ws, g.websocket, "mqtt websocket") }},
		{g.http, func() error { return serveHTTP(web, g.http, "http ingest") }},
	} {
		if way.listener != nil {
			group.Go(way.serve)
		}
	}
	group.Go(func() error {
		<-running.Done()
		g.drain(ws, web)
		return nil
	})
	return group.Wait()
}

func serveHTTP(server *http.Server, listener net.Listener, name string) error {
	if err := server.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", name, err)
	}
	return nil
}

func (g *Gateway) drain(ws, web *http.Server) {
	for _, l := range []net.Listener{g.mqtt, g.nats} {
		if l != nil {
			_ = l.Close() // its accept loop ends with it
		}
	}
	ctx, cancel := context.WithTimeout(g.ctx, g.cfg.DrainTimeout)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { _ = ws.Shutdown(ctx) })
	all.Go(func() {
		if web.Shutdown(ctx) != nil {
			_ = web.Close()
		}
	})
	for _, s := range g.sessions.all() {
		all.Go(func() { s.drain(ctx) })
	}
	all.Wait()
	g.cancel()
	for _, s := range g.sessions.all() {
		s.stop()
	}
	g.conns.Wait()
}
