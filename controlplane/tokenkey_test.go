package controlplane_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/controlplane"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	platformv1 "github.com/millwright-io/millwright/proto/gen/millwright/platform/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy/token"
)

// verifiers follow the keys of cell tokens in the cell's catalog, as the cell does.
type verifiers struct {
	mu   sync.Mutex
	keys map[string]*catalogv1.Verifier
}

func follow(t *testing.T, s *stack) *verifiers {
	t.Helper()
	v := &verifiers{keys: map[string]*catalogv1.Verifier{}}
	kv, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
	if err != nil {
		t.Fatal(err)
	}
	watch, err := kv.WatchAll(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	current := make(chan struct{})
	go func() {
		for e := range watch.Updates() {
			if e == nil {
				close(current)
				continue
			}
			kind, names, ok := subject.ParseCatalogKey(e.Key())
			if !ok || kind != subject.KindVerifier {
				continue
			}
			v.mu.Lock()
			m := &catalogv1.Verifier{}
			if delete(v.keys, names[0]); len(e.Value()) > 0 && proto.Unmarshal(e.Value(), m) == nil {
				v.keys[names[0]] = m
			}
			v.mu.Unlock()
		}
	}()
	<-current
	return v
}

func (v *verifiers) live() map[string]ed25519.PublicKey {
	v.mu.Lock()
	defer v.mu.Unlock()
	live := map[string]ed25519.PublicKey{}
	for id, m := range v.keys {
		if !m.GetRetired() {
			live[id] = m.GetPublicKey()
		}
	}
	return live
}

// verify returns the key of a token that the cell would take.
func (v *verifiers) verify(text string) (string, error) {
	p, err := token.NewVerifier(cell, func(id string) (ed25519.PublicKey, bool) {
		k, ok := v.live()[id]
		return k, ok
	}, time.Now).Verify(text)
	return p.SigningKey, err
}

// TestKeysOfCellTokensRotateInTheMiddleOfUse issues tokens all the time while keys sign for a second each, on a real NATS and a
// real Postgres; the control plane starts anew meanwhile; then a key leaks.
func TestKeysOfCellTokensRotateInTheMiddleOfUse(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) {
		c.TokenKeyPeriod, c.TokenKeyAhead = time.Second, time.Second
		c.PlanLimits = []string{"requests_per_second=100000"}
	})
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	var cells *verifiers
	eventually(t, "the catalog has a key", func() bool {
		if _, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell)); err != nil {
			return false
		}
		cells = follow(t, s)
		return len(cells.live()) > 0
	})
	var tokens []string
	signers := map[string]bool{}
	issue := func() string {
		t.Helper()
		res, err := s.tenants(key).IssueCellToken(t.Context(), &tenantv1.IssueCellTokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		by, err := cells.verify(res.GetToken())
		if err != nil {
			t.Fatalf("a new token is refused: %v", err)
		}
		signers[by] = true
		tokens = append(tokens, res.GetToken())
		return by
	}
	restarted := false
	eventually(t, "four keys have signed", func() bool {
		issue()
		for _, text := range tokens {
			if _, err := cells.verify(text); err != nil {
				t.Fatalf("an older token is refused: %v", err)
			}
		}
		if !restarted && len(signers) == 2 {
			restarted = true
			s.stop()
			s.start(t)
		}
		return len(signers) >= 4
	})
	t.Logf("%d tokens of %d keys, none refused", len(tokens), len(signers))
	ops := s.platform(as{cookie: "ops"})
	for range 2 { // the second time, nothing may be ahead for long
		leaked := issue()
		stolen := tokens[len(tokens)-1]
		begun := time.Now()
		res, err := ops.RetireTokenKey(t.Context(), &platformv1.RetireTokenKeyRequest{KeyId: leaked})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the cell refuses what the leaked key signed", func() bool {
			_, err := cells.verify(stolen)
			return err != nil
		})
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the leaked key was good for %s more", took)
		}
		if _, err := cells.verify(stolen); !strings.Contains(err.Error(), "the key that signed it is unknown or retired") {
			t.Errorf("the refusal: %v", err)
		}
		signing := 0
		for _, k := range res.GetKeys() {
			if k.GetState() == platformv1.TokenKeyState_TOKEN_KEY_STATE_SIGNING && k.GetKeyId() != leaked {
				signing++
			}
		}
		if by := issue(); by == leaked || signing != 1 {
			t.Errorf("after the leak of %s, %s signs; keys %v", leaked, by, res.GetKeys())
		}
		_, err = ops.RetireTokenKey(t.Context(), &platformv1.RetireTokenKeyRequest{KeyId: leaked})
		s.wants(t, connect.CodeFailedPrecondition, "is retired already", err)
	}
	s.keySet(t, cells)
}

// keySet compares the published key set with what the cell knows.
func (s *stack) keySet(t *testing.T, cells *verifiers) {
	t.Helper()
	eventually(t, "the key set is what the cell knows", func() bool {
		res, err := http.Get(s.url + "/.well-known/jwks.json")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		var set struct {
			Keys []map[string]string `json:"keys"`
		}
		if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
			t.Fatal(err)
		}
		if h := res.Header; h.Get("Content-Type") != "application/jwk-set+json" || h.Get("Cache-Control") != "public, max-age=0" {
			t.Fatalf("headers: %v", h)
		}
		live := cells.live()
		for _, k := range set.Keys {
			x, err := base64.RawURLEncoding.DecodeString(k["x"])
			if err != nil || k["kty"] != "OKP" || k["crv"] != "Ed25519" || k["use"] != "sig" || k["alg"] != "EdDSA" || len(k) != 6 {
				t.Fatalf("a key of the set: %v, %v", k, err)
			}
			if !live[k["kid"]].Equal(ed25519.PublicKey(x)) {
				return false
			}
		}
		return len(set.Keys) == len(live)
	})
}
