package bench

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// filling is how many events a tenant has that asks for all of them.
	filling = 100_000
	// asking is how many requests of a storm are under way at once, statements how many of them at the store itself.
	stormWorkers = 32
	statements   = 8
	// sessionRate is how many live sessions are asked for in a second.
	sessionRate = 500
)

// fillStore gives the tenant something to ask for.
func fillStore(ctx context.Context, r *role, e command.Env) error {
	config, err := r.Credentials[0].TLS()
	if err != nil {
		return err
	}
	var stored atomic.Uint64
	client := mqttclient.New(mqttclient.Config{
		Address: r.MQTT, TLS: config, ClientID: r.Devices[0], Window: 1024, Now: e.Now,
		OnAcks: func(acks []mqttclient.Ack) { stored.Add(uint64(len(acks))) },
	}, slog.New(slog.DiscardHandler))
	running, cancel := context.WithCancel(ctx)
	var run sync.WaitGroup
	run.Go(func() { _ = client.Run(running) })
	defer func() { cancel(); run.Wait() }()
	begun := e.Now()
	p := newPayload(r.Devices[0], "fill-"+strconv.FormatInt(begun.UnixNano(), 36), begun)
	for n := range uint64(filling) {
		at := begun.Add(-time.Duration(filling-n) * 36 * time.Millisecond) // an hour
		if client.Publish("v1/telemetry", p.next(at, n), mqttclient.Mark{}) != nil {
			break
		}
	}
	waiting, done := context.WithTimeout(ctx, drainTimeout)
	defer done()
	if client.Drain(waiting) > 0 || stored.Load() < filling {
		return fmt.Errorf("fill the store: %d of %d events acknowledged", stored.Load(), filling)
	}
	return nil
}

// stormQueries asks the API far above its limit, and the store as the tenant's own user for as much as it answers.
func stormQueries(ctx context.Context, a *assault) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: stormWorkers + statements}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	var all sync.WaitGroup
	all.Go(func() { a.ownEvents(ctx) })
	all.Go(func() {
		a.flood(ctx, offered(tenancy.LimitRequestsPerSecond), stormWorkers, 1, func(int) { a.ask(ctx, client) })
	})
	all.Go(func() {
		// As many as it can have at once, each as soon as the last is answered: at most ten a second.
		a.flood(ctx, 10, statements, 1, func(int) { a.grind(ctx, client) })
	})
	all.Wait()
}

func (a *assault) ask(ctx context.Context, client *http.Client) {
	now := a.now().UTC()
	body := fmt.Sprintf(`{"deviceId":%q,"start":%q,"end":%q,"resolution":"RESOLUTION_SECOND","limit":100000,"quantiles":[0.5,0.9,0.99,0.999]}`,
		a.role.Devices[0], now.Add(-2*time.Hour).Format(time.RFC3339), now.Format(time.RFC3339))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.role.Cell+"/millwright.telemetry.v1.TelemetryService/Query", strings.NewReader(body))
	if err != nil {
		a.refuse(err.Error(), 1)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+a.role.Key)
	a.try(client, req, 1)
}

// grind has the store sort and compare everything with everything.
func (a *assault) grind(ctx context.Context, client *http.Client) {
	q := url.Values{"database": {a.role.Store.ClickHouseDatabase}}
	const text = "select measurement, quantilesExact(0.5, 0.99)(value), uniqExact(value), sum(cityHash64(toString(value), toString(time))) from points group by measurement format Null"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.role.Store.ClickHouseURL+"/?"+q.Encode(), strings.NewReader(text))
	if err != nil {
		a.refuse(err.Error(), 1)
		return
	}
	req.SetBasicAuth(a.role.Store.ClickHouseUsername, a.role.Store.ClickHousePassword)
	a.try(client, req, 1)
}

// stormSessions asks for live sessions again and again; those it gets it keeps and does not read.
func stormSessions(ctx context.Context, a *assault) {
	transport := &http.Transport{MaxIdleConnsPerHost: stormWorkers}
	client := &http.Client{Transport: transport}
	defer transport.CloseIdleConnections()
	address := fmt.Sprintf("%s/ws/devices/%s/live", strings.TrimRight(a.role.Cell, "/"), a.role.Devices[0])
	var mu sync.Mutex
	var kept []*websocket.Conn
	var both sync.WaitGroup
	both.Go(func() { a.ownEvents(ctx) })
	both.Go(func() {
		a.flood(ctx, sessionRate, stormWorkers, 1, func(int) {
			conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"millwright", "bearer." + a.role.Key}}) //nolint:bodyclose // Dial closes it
			switch {
			case err == nil:
				a.count(func(t *Toll) { t.Taken++ })
				mu.Lock()
				kept = append(kept, conn)
				mu.Unlock()
			case ctx.Err() != nil:
			case res == nil:
				a.refuse(err.Error(), 1)
			default:
				text, _ := io.ReadAll(res.Body) // what the library kept of it
				a.refuse(fmt.Sprintf("%s: %s", res.Status, text), 1)
			}
		})
	})
	both.Wait()
	for _, conn := range kept {
		_ = conn.CloseNow()
	}
}
