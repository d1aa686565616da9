package token_test

import (
	"crypto/ed25519"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/token"
)

func TestAnOperatorsTokenIsForNoTenant(t *testing.T) {
	t.Parallel()
	pub, priv, _ := ed25519.GenerateKey(nil)
	signer := token.NewSigner("k1", priv, time.Now)
	ops := tenancy.Principal{
		Tenant: tenancy.NewID(), Role: tenancy.RoleOwner, Facilities: []string{"a"}, Credential: tenancy.CredentialSession, Subject: "s1", Actor: "ops@example.com", Operator: true,
	}
	text, _, err := signer.SignOperator(ops, "eu-1")
	if err != nil {
		t.Fatal(err)
	}
	verifier := token.NewVerifier("eu-1", func(string) (ed25519.PublicKey, bool) { return pub, true }, time.Now)
	want := tenancy.Principal{
		Credential: tenancy.CredentialCellToken, Origin: tenancy.CredentialSession, SigningKey: "k1", Subject: "s1", Actor: "ops@example.com", Operator: true,
	}
	if got, err := verifier.Verify(text); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	// Whoever enters a tenant is no operator there.
	text, _, err = signer.Sign(ops, "eu-1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := verifier.Verify(text); err != nil || got.Operator || got.Tenant != ops.Tenant {
		t.Errorf("%+v, %v", got, err)
	}
	for _, p := range []tenancy.Principal{{Credential: tenancy.CredentialSession, Subject: "s"}, {Credential: tenancy.CredentialKey, Subject: "s", Operator: true}} {
		if _, _, err := signer.SignOperator(p, "eu-1"); !errors.Is(err, tenancy.ErrForbidden) {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestVerifyTakesOnlyOurFreshTokensForThisCell(t *testing.T) {
	t.Parallel()
	pub, priv, _ := ed25519.GenerateKey(nil)
	otherPub, other, _ := ed25519.GenerateKey(nil)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { return now }
	p := tenancy.Principal{Tenant: tenancy.NewID(), Role: tenancy.RoleOperator, Credential: tenancy.CredentialSession, Subject: "s1", Actor: "a@example.com"}
	text, end, err := token.NewSigner("k1", priv, clock).Sign(p, "eu-1")
	if err != nil || end.Sub(now) != token.Lifetime {
		t.Fatalf("sign: %v, ends %s", err, end)
	}
	keys := func(id string) (ed25519.PublicKey, bool) {
		k, ok := map[string]ed25519.PublicKey{"k1": pub, "k2": otherPub}[id]
		return k, ok
	}
	verify := func(cell string, at time.Time, text string) (tenancy.Principal, error) {
		return token.NewVerifier(cell, keys, func() time.Time { return at }).Verify(text)
	}
	got, err := verify("eu-1", now.Add(time.Minute), text)
	want := p
	want.Credential, want.Origin, want.SigningKey = tenancy.CredentialCellToken, tenancy.CredentialSession, "k1"
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("verify: %+v, %v", got, err)
	}
	forged, _, _ := token.NewSigner("k1", other, clock).Sign(p, "eu-1")
	unknown, _, _ := token.NewSigner("k9", priv, clock).Sign(p, "eu-1")
	none, _ := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"aud": "eu-1", "iss": "millwright", "sub": "x", "exp": now.Add(time.Hour).Unix()}).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	hmac, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": "eu-1", "iss": "millwright", "exp": now.Add(time.Hour).Unix()}).
		SignedString([]byte(pub))
	for name, c := range map[string]struct {
		cell, text string
		at         time.Time
	}{
		"another cell's":            {"eu-2", text, now},
		"an expired one":            {"eu-1", text, now.Add(token.Lifetime + time.Minute)},
		"one from the future":       {"eu-1", text, now.Add(-time.Hour)},
		"one signed by another key": {"eu-1", forged, now},
		"one of an unknown key":     {"eu-1", unknown, now},
		"an unsigned one":           {"eu-1", none, now},
		"a symmetric one":           {"eu-1", hmac, now},
		"an empty one":              {"eu-1", "", now},
		"a torn one":                {"eu-1", text[:len(text)-10], now},
		"an endless one":            {"eu-1", strings.Repeat("a", 10000), now},
	} {
		if _, err := verify(c.cell, c.at, c.text); !errors.Is(err, tenancy.ErrUnauthenticated) {
			t.Errorf("%s is taken: %v", name, err)
		}
	}
	if _, _, err := token.NewSigner("k1", priv, clock).Sign(tenancy.Principal{Subject: "s"}, "eu-1"); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("a token without a tenant is signed: %v", err)
	}
}
