package dataplane

import (
	"crypto/ed25519"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/token"
)

// signer makes a key whose tokens the cell takes.
func (b *bundle) signer(t *testing.T) *token.Signer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(&catalogv1.Verifier{KeyId: "k1", PublicKey: public})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), subject.VerifierKey("k1"), data); err != nil {
		t.Fatal(err)
	}
	return token.NewSigner("k1", private, time.Now)
}

func TestOperatorsSeeThePipelineAndOthersDoNot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	signer := b.signer(t)
	app, _ := b.start(t)
	b.publish(t, 1, 200)
	operator, _, err := signer.SignOperator(tenancy.Principal{Credential: tenancy.CredentialSession, Subject: "ops", Operator: true}, b.cfg.Cell)
	if err != nil {
		t.Fatal(err)
	}
	key := b.key
	b.key = operator
	var p struct {
		Cell       string
		Partitions []struct{ Waiting, Committed string }
		Stages     []struct {
			Stage     string
			PerSecond float64
			P99       string
		}
		StoredPerSecond, DuplicatesPerSecond float64
		Tenants                              []struct {
			TenantID                         string `json:"tenantId"`
			EventsPerSecond, PointsPerSecond float64
		}
	}
	eventually(t, "the pipeline tells of the events", func() bool {
		status := b.get(t, app, "/api/v1/pipeline", &p)
		return status == http.StatusOK && len(p.Tenants) == 1 && p.StoredPerSecond > 0 && p.DuplicatesPerSecond > 0 && len(p.Partitions) > 0
	})
	if p.Cell != b.cfg.Cell || p.Tenants[0].TenantID != string(b.tenant) || p.Tenants[0].PointsPerSecond < 1.99*p.Tenants[0].EventsPerSecond {
		t.Errorf("%+v", p)
	}
	timed := map[string]bool{}
	for _, s := range p.Stages {
		timed[s.Stage] = s.PerSecond > 0 && s.P99 != ""
	}
	for _, stage := range []string{"consume", "step", "insert", "commit"} {
		if !timed[stage] {
			t.Errorf("stage %s is not timed: %+v", stage, p.Stages)
		}
	}
	// An operator is nobody inside a tenant, and a tenant's admin no operator.
	for _, path := range []string{"/api/v1/latest", "/api/v1/devices/press/metrics", "/api/v1/dead-letters", "/api/v1/store-access"} {
		if status := b.get(t, app, path, nil); status == http.StatusOK {
			t.Errorf("an operator reads %s", path)
		}
	}
	admin, _, err := signer.Sign(tenancy.Principal{Tenant: b.tenant, Role: tenancy.RoleOwner, Credential: tenancy.CredentialSession, Subject: "ada", Operator: true}, b.cfg.Cell)
	if err != nil {
		t.Fatal(err)
	}
	for credential, want := range map[string]int{operator: http.StatusOK, key: http.StatusForbidden, admin: http.StatusUnauthorized, "": http.StatusUnauthorized} {
		for _, path := range []string{"/api/v1/pipeline", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=1", "/debug/pprof/"} {
			if status := status(t, app, credential, path); status != want {
				t.Errorf("%s with %.12q: status %d, want %d", path, credential, status, want)
			}
		}
	}
	if got := status(t, app, operator, "/debug/pprof/profile?seconds=3600"); got != http.StatusBadRequest {
		t.Errorf("a profile of an hour: status %d", got)
	}
}

func status(t *testing.T, app *App, credential, path string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+app.Addrs().API+path, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if credential != "" {
		req.Header.Set("Authorization", "Bearer "+credential)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
