// Package token makes and checks cell tokens: short-lived statements, signed by the control plane, of who a caller is
// and for which tenant and cell. What the caller may do, a cell reads in its catalog. The control plane signs, the cell verifies with the public keys of its catalog. It is
// the only home of the jwt module.
package token

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/millwright-io/millwright/tenancy"
)

// Lifetime is how long a token is valid.
const Lifetime = 5 * time.Minute

// Aftermath is how long a key must be known after its last signature: as long as that token counts, with the leeway of the
// cell that reads it, and as much again for clocks of control planes that differ.
const Aftermath = Lifetime + 2*Leeway

// Leeway is how far clocks may differ.
const Leeway = 30 * time.Second

const (
	issuer = "millwright"
	// maxLength is far above what we sign and keeps hostile input cheap.
	maxLength = 4096
)

type claims struct {
	jwt.RegisteredClaims
	Tenant string `json:"tenant"`
	Role   string `json:"role"`
	Actor  string `json:"actor"`
	// Facilities confine the caller; absent: not confined.
	Facilities []string `json:"facilities,omitempty"`
	// Origin is the credential that the token was issued for.
	Origin string `json:"origin"`
	// SecondFactor: the session was begun with one.
	SecondFactor bool `json:"second_factor,omitempty"`
	// Operator: of the installation, for no tenant.
	Operator bool `json:"operator,omitempty"`
}

// Signer signs tokens with one key.
type Signer struct {
	keyID string
	key   ed25519.PrivateKey
	now   func() time.Time
}

// NewSigner returns a signer; keyID is the name under which cells find the public key.
func NewSigner(keyID string, key ed25519.PrivateKey, now func() time.Time) *Signer {
	return &Signer{keyID: keyID, key: key, now: now}
}

// Sign returns a token of the principal's own rights for one cell, and when it ends.
func (s *Signer) Sign(p tenancy.Principal, cell string) (string, time.Time, error) {
	if p.Tenant == "" || !p.Role.Valid() || p.Subject == "" || cell == "" {
		return "", time.Time{}, fmt.Errorf("sign token: tenant, role, subject and cell must be known: %w", tenancy.ErrInvalid)
	}
	p.Operator = false
	return s.sign(p, cell)
}

// SignOperator returns a token for what an operator of the installation may do at a cell, which is nothing inside a tenant.
func (s *Signer) SignOperator(p tenancy.Principal, cell string) (string, time.Time, error) {
	if !p.Operator || p.Credential != tenancy.CredentialSession || p.Subject == "" || cell == "" {
		return "", time.Time{}, fmt.Errorf("sign token: want a signed-in operator of the installation and a cell: %w", tenancy.ErrForbidden)
	}
	p.Tenant, p.Role, p.Facilities = "", "", nil
	return s.sign(p, cell)
}

func (s *Signer) sign(p tenancy.Principal, cell string) (string, time.Time, error) {
	now := s.now().UTC().Truncate(time.Second)
	end := now.Add(Lifetime)
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: p.Subject, Audience: jwt.ClaimStrings{cell},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(end),
		},
		Tenant: string(p.Tenant), Role: string(p.Role), Actor: p.Actor, Facilities: p.Facilities,
		Origin: string(p.Credential), SecondFactor: p.SecondFactor, Operator: p.Operator,
	})
	t.Header["kid"] = s.keyID
	text, err := t.SignedString(s.key)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign token: %w", err)
	}
	return text, end, nil
}

// Keys finds a public key by its id.
type Keys func(keyID string) (ed25519.PublicKey, bool)

// Verifier checks the tokens of one cell.
type Verifier struct {
	keys   Keys
	parser *jwt.Parser
}

// NewVerifier returns a verifier that takes only tokens for that cell.
func NewVerifier(cell string, keys Keys, now func() time.Time) *Verifier {
	return &Verifier{keys: keys, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithAudience(cell), jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(), jwt.WithLeeway(Leeway), jwt.WithTimeFunc(now))}
}

// Verify returns the caller that a token speaks of, or an ErrUnauthenticated that says what is wrong with it.
func (v *Verifier) Verify(text string) (tenancy.Principal, error) {
	var c claims
	var signedBy string
	if len(text) > maxLength {
		return tenancy.Principal{}, refuse("it is too long")
	}
	_, err := v.parser.ParseWithClaims(text, &c, func(t *jwt.Token) (any, error) {
		signedBy, _ = t.Header["kid"].(string)
		key, ok := v.keys(signedBy)
		if !ok || len(key) != ed25519.PublicKeySize {
			return nil, errUnknownKey
		}
		return key, nil
	})
	if err != nil {
		return tenancy.Principal{}, refuse(reason(err))
	}
	if c.Operator {
		return operator(c, signedBy)
	}
	id, err := tenancy.ParseID(c.Tenant)
	if err != nil || !tenancy.Role(c.Role).Valid() || c.Subject == "" {
		return tenancy.Principal{}, refuse("its claims are incomplete")
	}
	return tenancy.Principal{
		Tenant: id, Role: tenancy.Role(c.Role), Credential: tenancy.CredentialCellToken, Subject: c.Subject, Actor: c.Actor,
		SigningKey: signedBy, Facilities: c.Facilities, Origin: tenancy.Credential(c.Origin), SecondFactor: c.SecondFactor,
	}, nil
}

// operator reads the claims of a token that is for no tenant.
func operator(c claims, signedBy string) (tenancy.Principal, error) {
	if c.Tenant != "" || c.Role != "" || c.Subject == "" || c.Origin != string(tenancy.CredentialSession) {
		return tenancy.Principal{}, refuse("its claims contradict each other")
	}
	return tenancy.Principal{
		Credential: tenancy.CredentialCellToken, Subject: c.Subject, Actor: c.Actor, SigningKey: signedBy,
		Origin: tenancy.CredentialSession, SecondFactor: c.SecondFactor, Operator: true,
	}, nil
}

func refuse(why string) error {
	return fmt.Errorf("cell token refused: %s; ask the control plane for a new one: %w", why, tenancy.ErrUnauthenticated)
}

var errUnknownKey = errors.New("unknown key")

// reason says in our words why a token is bad, without echoing any of it.
func reason(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return "it has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return "it is not valid yet"
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return "it is for another cell"
	case errors.Is(err, jwt.ErrTokenMalformed):
		return "it is not a token"
	case errors.Is(err, errUnknownKey):
		return "the key that signed it is unknown or retired"
	default:
		return "its signature cannot be verified"
	}
}
