package ory_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/ory"
)

func TestSessionIsRememberedForHalfAMinute(t *testing.T) {
	t.Parallel()
	var asked, status atomic.Int64
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		if c, err := r.Cookie(ory.DefaultCookie); err != nil || len(r.Cookies()) != 1 || c.Value != "abc" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(int(status.Load()))
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "s1", "active": true, "identity": map[string]any{
			"id": "i1", "schema_id": "d", "schema_url": "u", "traits": map[string]string{"email": " Ada@Example.com "},
			"verifiable_addresses": []any{map[string]any{"value": "ada@example.com", "verified": true, "via": "email", "status": "completed"}},
		}})
	}))
	t.Cleanup(server.Close)
	var now atomic.Pointer[time.Time]
	at := func(t time.Time) { now.Store(&t) }
	start := time.Now()
	at(start)
	c := ory.New(ory.Config{PublicURL: server.URL}, func() time.Time { return *now.Load() })
	with := func(cookie string) http.Header {
		return http.Header{"Cookie": {"other=1; " + ory.DefaultCookie + "=" + cookie}}
	}
	for range 3 {
		s, err := c.Session(t.Context(), with("abc"))
		if err != nil || s != (ory.Session{ID: "s1", Identity: "i1", Email: "ada@example.com", Verified: true}) {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	at(start.Add(31 * time.Second))
	if _, err := c.Session(t.Context(), with("abc")); err != nil || asked.Load() != 2 {
		t.Errorf("after 31 s: %v, asked %d times", err, asked.Load())
	}
	c.Forget(with("abc"))
	status.Store(http.StatusBadGateway)
	if _, err := c.Session(t.Context(), with("abc")); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Errorf("a server that fails: %v", err)
	}
	if _, err := c.Session(t.Context(), with("zzz")); !errors.Is(err, tenancy.ErrUnauthenticated) {
		t.Errorf("an unknown cookie: %v", err)
	}
	if _, err := c.Session(t.Context(), http.Header{}); !errors.Is(err, tenancy.ErrUnauthenticated) {
		t.Errorf("no cookie: %v", err)
	}
}
