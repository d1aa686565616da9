package certificate

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// ClaimPrefix begins every claim token.
const ClaimPrefix = "mwc_"

const (
	idLength = 16
	// secretLength is that of the prefix, the id, an underscore and 160 random bits.
	secretLength = len(ClaimPrefix) + idLength + 1 + 2*idLength
	// DefaultClaimLife and MaxClaimLife bound how long a token may be used.
	DefaultClaimLife = 24 * time.Hour
	MaxClaimLife     = 90 * 24 * time.Hour
)

// Claim is a claim token: it lets devices enrol, new ones by a template or one that exists.
type Claim struct {
	ID     string     `json:"claim_token_id"`
	Tenant tenancy.ID `json:"-"`
	// Prefix is the start of the secret, for people to recognise it by.
	Prefix string `json:"prefix"`
	Hash   []byte `json:"-"`
	// One of Template and Device is set.
	Template  string    `json:"template_id,omitempty"`
	Device    string    `json:"device_id,omitempty"`
	MaxUses   int       `json:"max_uses"`
	Uses      int       `json:"-"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// RevokedAt is zero while it may be used.
	RevokedAt time.Time `json:"-"`
}

// newSecret makes a token and what the store keeps of it.
func newSecret() (secret string, c Claim) {
	c.ID = string(tenancy.NewID())
	secret = ClaimPrefix + c.ID + "_" + string(tenancy.NewID()) + string(tenancy.NewID())
	sum := sha256.Sum256([]byte(secret))
	c.Hash, c.Prefix = sum[:], secret[:len(ClaimPrefix)+6]
	return secret, c
}

// claimID reads which token a secret is of.
func claimID(secret string) (string, bool) {
	rest, ok := strings.CutPrefix(secret, ClaimPrefix)
	if !ok || len(secret) != secretLength || rest[idLength] != '_' {
		return "", false
	}
	_, err := tenancy.ParseID(rest[:idLength])
	return rest[:idLength], err == nil
}

// matches compares in constant time.
func (c Claim) matches(secret string) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], c.Hash) == 1
}

// Usable returns nil, or why the token lets nobody enrol any more.
func (c Claim) Usable(now time.Time) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("claim token %s… %s: ask for a new one: %w", c.Prefix, fmt.Sprintf(format, args...), tenancy.ErrUnauthenticated)
	}
	switch {
	case !c.RevokedAt.IsZero():
		return refuse("was revoked")
	case !now.Before(c.ExpiresAt):
		return refuse("expired on %s", c.ExpiresAt.UTC().Format(time.RFC3339))
	case c.Uses >= c.MaxUses && c.MaxUses == 1:
		return refuse("was used already")
	case c.Uses >= c.MaxUses:
		return refuse("was used %d times, which is all it may", c.Uses)
	}
	return nil
}
