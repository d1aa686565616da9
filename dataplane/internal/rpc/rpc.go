// Package rpc serves the cell's API: TelemetryService, DeadLetterService and, for operators, PipelineService over Connect, REST on /api/ and live events over WebSocket, all
// behind the one request chain. Conversions between the protocol and the domain live here. The composition root
// imports it.
package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/admission"
	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/deadletter"
	"github.com/millwright-io/millwright/dataplane/internal/live"
	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/dataplane/internal/rerun"
	"github.com/millwright-io/millwright/dataplane/internal/timing"
	"github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1/deadletterv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/pipeline/v1/pipelinev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1/telemetryv1connect"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/lastuse"
	"github.com/millwright-io/millwright/tenancy/ratelimit"
	tenancyrpc "github.com/millwright-io/millwright/tenancy/rpc"
	"github.com/millwright-io/millwright/tenancy/tally"
)

// Access is how a tenant reads its own database.
type Access struct {
	URL, Database, Username, Password string
}

// Deps are what the API asks.
type Deps struct {
	Cell    string
	Version string
	Catalog *catalog.Catalog
	Queries *query.Service
	Rerun   *rerun.Service
	Letters *deadletter.Service
	Hub     *live.Hub
	// Access returns the tenant's own access to the store.
	Access     func(tenancy.ID) Access
	Authorizer tenancy.Authorizer
	Limiter    *ratelimit.Limiter
	// Slots are the queries at once.
	Slots *admission.Slots
	Tally *tally.Tally
	// Requested is told of every request that the limit let through.
	Requested func(tenancy.ID)
	// KeyUsed is told of every request with an API key.
	KeyUsed func(s lastuse.Secret, at time.Time, address string)
	// Origins may call from a browser.
	Origins  []string
	Log      *slog.Logger
	Now      func() time.Time
	Pipeline Pipeline
	// Times are told how long events took to those who watch.
	Times *timing.Times
}

// Handler returns the API.
func Handler(deps Deps) (http.Handler, error) {
	chain := tenancyrpc.New(tenancyrpc.Deps{
		Authenticate: authenticator(deps), Limit: limit(deps), Authorize: deps.Authorizer, Log: deps.Log, Now: deps.Now,
		OverLimit: func(p tenancy.Principal, err *tenancy.LimitError) { deps.Tally.Refuse(p.Tenant, err, 1) },
	})
	path, handler := telemetryv1connect.NewTelemetryServiceHandler(&telemetryService{deps}, chain.Options()...)
	lettersPath, letters := deadletterv1connect.NewDeadLetterServiceHandler(&deadLetterService{deps}, chain.Options()...)
	pipelinePath, pipeline := pipelinev1connect.NewPipelineServiceHandler(&pipelineService{deps}, chain.Options()...)
	rest, err := tenancyrpc.REST(tenancyrpc.Service{Path: path, Handler: handler}, tenancyrpc.Service{Path: lettersPath, Handler: letters},
		tenancyrpc.Service{Path: pipelinePath, Handler: pipeline})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle(path, handler)
	mux.Handle(lettersPath, letters)
	mux.Handle(pipelinePath, pipeline)
	mux.Handle("/debug/pprof/", profiles(chain))
	mux.Handle(telemetryv1connect.TelemetryServiceWatchProcedure, unhurried(handler))
	mux.Handle("/api/", rest)
	mux.Handle("GET /ws/devices/{device}/live", chain.HTTP("live", tenancy.ActionTelemetryRead, &liveHandler{deps}))
	return cors(deps.Origins, mux), nil
}

// unhurried lifts the read deadline, which net/http would end a stream with.
func unhurried(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // HTTP/2 has none to lift
		next.ServeHTTP(w, r)
	})
}

// refusedLate is how long a request over its limit waits for the refusal: who asks again at once, whatever Retry-After says,
// is slowed down and costs others nothing.
const refusedLate = 100 * time.Millisecond

// limit counts requests against the tenant's own limit.
func limit(deps Deps) func(context.Context, tenancy.Principal) error {
	return func(ctx context.Context, p tenancy.Principal) error {
		t, ok := deps.Catalog.Tenant(p.Tenant)
		if !ok {
			return nil
		}
		used, err := deps.Limiter.Take(ctx, string(p.Tenant), tenancy.ScopeTenant, t.Limits.RequestsPerSecond)
		deps.Tally.Use(p.Tenant, tenancy.LimitRequestsPerSecond, used, int64(t.Limits.RequestsPerSecond))
		if err != nil {
			select {
			case <-time.After(refusedLate):
			case <-ctx.Done():
			}
			return err
		}
		deps.Requested(p.Tenant)
		return nil
	}
}

// query takes one of the tenant's slots; give it back with release.
func (d Deps) query(tenant tenancy.ID) (release func(), err error) {
	t, _ := d.Catalog.Tenant(tenant)
	used, release, err := d.Slots.Take(tenant, t.Limits.QueryConcurrency)
	d.Tally.Use(tenant, tenancy.LimitQueryConcurrency, int64(used), int64(t.Limits.QueryConcurrency))
	return release, err
}

// unserved is a query's error, in the words of the organisation's refusal when that came while the query ran: its access to the store
// is taken away then.
func (d Deps) unserved(tenant tenancy.ID, err error) error {
	if t, ok := d.Catalog.Tenant(tenant); ok && err != nil && t.Refusal() != "" {
		return fmt.Errorf("%s: %w", t.Refusal(), tenancy.ErrForbidden)
	}
	return err
}

// watch subscribes to devices within the tenant's live sessions. The catalog may have changed since the caller was let in;
// later changes cut the watch.
func (d Deps) watch(tenant tenancy.ID, devices []string) (*live.Watch, error) {
	t, _ := d.Catalog.Tenant(tenant)
	watch, err := d.Hub.Watch(tenant, devices, t.Limits.LiveSessions)
	if err != nil {
		return nil, err
	}
	if t, ok := d.Catalog.Tenant(tenant); ok && t.Refusal() == "" {
		return watch, nil
	}
	watch.Close()
	return nil, fmt.Errorf("the organisation is not served any more: %w", tenancy.ErrForbidden)
}

// refused notes a refusal of a handler that answers by itself.
func (d Deps) refused(tenant tenancy.ID, err error) {
	if le := (*tenancy.LimitError)(nil); errors.As(err, &le) {
		d.Tally.Refuse(tenant, le, 1)
	}
}

// cors lets the console's pages call; everybody else's browser refuses.
func cors(origins []string, next http.Handler) http.Handler {
	allowed := make(map[string]bool, len(origins))
	for _, o := range origins {
		allowed[o] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		origin := r.Header.Get("Origin")
		if !allowed[origin] {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, X-Ratelimit-Limit, X-Ratelimit-Remaining, X-Ratelimit-Reset, Ratelimit, Ratelimit-Policy")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Connect-Protocol-Version, Connect-Timeout-Ms, X-Request-Id, X-User-Agent")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
