package web

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// JWKSPath is where the public keys of cell tokens are (RFC 7517, RFC 8037): public.
const JWKSPath = "/.well-known/jwks.json"

// jwksFresh is how long a key set is handed out again before the keys are read anew.
const jwksFresh = time.Second

// SigningKey is a public key with its id.
type SigningKey struct {
	ID     string
	Public ed25519.PublicKey
}

type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

type jwks struct {
	keys   func(ctx context.Context) ([]SigningKey, error)
	maxAge time.Duration
	now    func() time.Time
	log    *slog.Logger

	mu   sync.Mutex
	made []byte
	at   time.Time
}

// JWKS serves the key set. Whoever reads it may keep it for maxAge: a key must be in it for longer before it signs.
func JWKS(keys func(ctx context.Context) ([]SigningKey, error), maxAge time.Duration, now func() time.Time, log *slog.Logger) http.Handler {
	return &jwks{keys: keys, maxAge: maxAge, now: now, log: log}
}

func (j *jwks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := j.get(r.Context())
	if err != nil {
		j.log.ErrorContext(r.Context(), "cannot read the keys of cell tokens", slog.Any("error", err))
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the keys cannot be read now, try again", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(j.maxAge/time.Second)))
	_, _ = w.Write(body)
}

func (j *jwks) get(ctx context.Context) ([]byte, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.made != nil && j.now().Sub(j.at) < jwksFresh {
		return j.made, nil
	}
	keys, err := j.keys(ctx)
	if err != nil {
		return nil, err
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{make([]jwk, 0, len(keys))}
	for _, k := range keys {
		set.Keys = append(set.Keys, jwk{
			KeyType: "OKP", Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.Public), ID: k.ID, Use: "sig", Algorithm: "EdDSA",
		})
	}
	j.made, err = json.Marshal(set)
	j.at = j.now()
	return j.made, err
}
