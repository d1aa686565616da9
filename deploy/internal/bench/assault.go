package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/tenancy"
)

// An attack is one way of being hostile. A further one is one more entry, in a file of its own.
type attack struct {
	what    string
	devices int
	// prepare runs before the tenant is held to its quota; it may be nil.
	prepare func(ctx context.Context, r *role, e command.Env) error
	run     func(ctx context.Context, a *assault)
}

// attacks are what `bench isolation --hostile` knows.
var attacks = map[string]attack{
	"ingest":      {"events over MQTT 5 and in batches over HTTP", floodDevices, nil, floodEvents},
	"cardinality": {"200 devices of 500 measurements, every name used once", cardinalityDevices, nil, floodNames},
	"malformed":   {"payloads that are no telemetry, and packets that are no MQTT", malformedDevices, nil, floodMalformed},
	"query":       {"the widest queries that the API answers, and the heaviest that the store does", 1, fillStore, stormQueries},
	"live":        {"live sessions that are asked for again and again, and not read", 1, nil, stormSessions},
}

// assault is a hostile tenant at work.
type assault struct {
	role role
	now  func() time.Time
	log  *slog.Logger
	tls  []*tls.Config

	mu   sync.Mutex
	toll Toll
}

func newAssault(r role, e command.Env) (*assault, error) {
	a := &assault{role: r, now: e.Now, log: slog.New(slog.DiscardHandler), toll: Toll{Kind: r.Kind, What: attacks[r.Kind].what, Refused: map[string]uint64{}}}
	for _, c := range r.Credentials {
		config, err := c.TLS()
		if err != nil {
			return nil, err
		}
		a.tls = append(a.tls, config)
	}
	return a, nil
}

func (a *assault) count(change func(*Toll)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.toll)
}

var limitName = regexp.MustCompile(`limit ([a-z_]+) of`)

// refuse counts n refusals by the limit that the words name.
func (a *assault) refuse(words string, n uint64) {
	a.count(func(t *Toll) {
		if name := limitName.FindStringSubmatch(words); name != nil {
			t.Refused[name[1]] += n
			return
		}
		t.Errors += n
		t.Last = words
	})
}

// lateBy is how far behind its time something may be offered.
const lateBy = 100 * time.Millisecond

// flood calls do perSecond times a second, shared by workers, each call for n at once. What a worker is too late for, since
// an earlier call took so long, counts as held back.
func (a *assault) flood(ctx context.Context, perSecond float64, workers, n int, do func(worker int)) {
	interval := time.Duration(float64(workers*n) / perSecond * float64(time.Second))
	var all sync.WaitGroup
	begun := a.now()
	for w := range workers {
		all.Go(func() {
			due := begun.Add(interval * time.Duration(w) / time.Duration(workers))
			for {
				now := a.now()
				if late := now.Sub(due); late > lateBy {
					missed := late / interval
					due = due.Add(missed * interval)
					a.count(func(t *Toll) { t.Held += uint64(missed) * uint64(n); t.Offered += uint64(missed) * uint64(n) })
				}
				if wait := due.Sub(now); wait > 0 && pause(ctx, wait) != nil || ctx.Err() != nil {
					return
				}
				due = due.Add(interval)
				a.count(func(t *Toll) { t.Offered += uint64(n) })
				do(w)
			}
		})
	}
	all.Wait()
}

// devicesSend publishes what payload gives at the rate over MQTT 5, a connection a device.
func (a *assault) devicesSend(ctx context.Context, from, devices int, perSecond float64, payload func(device int) []byte) {
	clients := make([]*mqttclient.Client, devices)
	var conns sync.WaitGroup
	for i := range clients {
		clients[i] = mqttclient.New(mqttclient.Config{
			Address: a.role.MQTT, TLS: a.tls[from+i], ClientID: a.role.Devices[from+i], Version: mqttclient.V5, Window: 256, Now: a.now, OnAcks: a.settle,
		}, a.log)
		conns.Go(func() { _ = clients[i].Run(ctx) }) // what it is told counts below
	}
	a.flood(ctx, perSecond, devices, 1, func(w int) {
		if clients[w].Publish("v1/telemetry", payload(from+w), mqttclient.Mark{}) == nil {
			clients[w].Flush()
		}
	})
	conns.Wait()
}

func (a *assault) settle(acks []mqttclient.Ack) {
	for _, ack := range acks {
		switch {
		case !ack.Refused():
			a.count(func(t *Toll) { t.Taken++ })
		case ack.Code == payloadInvalid:
			a.count(func(t *Toll) { t.Refused[deadLetter]++ })
		default:
			a.refuse(ack.Reason, 1)
		}
	}
}

const (
	payloadInvalid = 0x99
	deadLetter     = "kept as dead letter"
)

// try sends a request that stands for n and counts what becomes of it.
func (a *assault) try(client *http.Client, req *http.Request, n uint64) {
	res, err := client.Do(req)
	if err != nil {
		if req.Context().Err() == nil {
			a.refuse(err.Error(), n)
		}
		return
	}
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	switch {
	case res.StatusCode < 300:
		a.count(func(t *Toll) { t.Taken += n })
	case res.StatusCode == http.StatusBadRequest:
		a.count(func(t *Toll) { t.Refused[deadLetter] += n })
	default:
		a.refuse(fmt.Sprintf("%s: %s", res.Status, text), n)
	}
}

// quotaOf is a hundred times the quota.
func offered(limit string) float64 { return hostileTimes * float64(quota[limit]) }

func eventsOffered() float64 { return offered(tenancy.LimitEventsPerSecond) }
