package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// CRLPath is below which the revocation list of each tenant's CA is: public, as certificates name it.
const CRLPath = "/crl/"

// RevocationLists makes the list of a tenant's CA, as DER; an ErrNotFound when there is no such tenant.
type RevocationLists func(ctx context.Context, id tenancy.ID) ([]byte, error)

const (
	// crlFresh is how long a list is handed out again before a new one is signed: it bounds the work that strangers can cause.
	crlFresh = 5 * time.Second
	// crlMost bounds how many lists are remembered.
	crlMost = 1000
)

type crls struct {
	lists RevocationLists
	now   func() time.Time
	log   *slog.Logger

	mu   sync.Mutex
	made map[tenancy.ID]*crl
}

type crl struct {
	mu  sync.Mutex
	der []byte
	at  time.Time
}

// CRL serves GET /crl/<tenant>.crl.
func CRL(lists RevocationLists, now func() time.Time, log *slog.Logger) http.Handler {
	return &crls{lists: lists, now: now, log: log, made: make(map[tenancy.ID]*crl)}
}

func (c *crls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, CRLPath), ".crl")
	id, err := tenancy.ParseID(name)
	if !ok || err != nil {
		http.Error(w, "there is no such revocation list", http.StatusNotFound)
		return
	}
	der, err := c.of(id).get(r.Context(), id, c)
	switch {
	case errors.Is(err, tenancy.ErrNotFound):
		http.Error(w, "there is no such revocation list", http.StatusNotFound)
	case err != nil:
		c.log.ErrorContext(r.Context(), "cannot make a revocation list", slog.String("tenant", string(id)), slog.Any("error", err))
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the revocation list cannot be made now, try again", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/pkix-crl")
		w.Header().Set("Content-Length", strconv.Itoa(len(der)))
		w.Header().Set("Cache-Control", "public, max-age=5")
		_, _ = w.Write(der)
	}
}

func (c *crls) of(id tenancy.ID) *crl {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made[id] == nil {
		if len(c.made) >= crlMost {
			clear(c.made)
		}
		c.made[id] = &crl{}
	}
	return c.made[id]
}

// get makes one list at a time for a tenant, whoever asks.
func (l *crl) get(ctx context.Context, id tenancy.ID, c *crls) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.der != nil && c.now().Sub(l.at) < crlFresh {
		return l.der, nil
	}
	der, err := c.lists(ctx, id)
	if err != nil {
		return nil, err
	}
	l.der, l.at = der, c.now()
	return der, nil
}
