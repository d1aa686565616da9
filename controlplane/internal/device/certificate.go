package device

import (
	"slices"
	"time"
)

// Origin says how a certificate came to be.
type Origin string

// The origins.
const (
	// OriginAPI was asked for by a person or a program.
	OriginAPI Origin = "api"
	// OriginClaim was enrolled by the device with a claim token.
	OriginClaim Origin = "claim"
	// OriginRenewal was renewed by the device.
	OriginRenewal Origin = "renewal"
	// OriginOwnAuthority was issued by a CA of the tenant's own.
	OriginOwnAuthority Origin = "own_authority"
)

// CertificateStatus says what a certificate counts for.
type CertificateStatus string

// The statuses. The gateway admits the first three.
const (
	CertificateActive CertificateStatus = "active"
	// CertificateExpiring is due for renewal and has no successor.
	CertificateExpiring CertificateStatus = "expiring"
	// CertificateSuperseded has a good successor.
	CertificateSuperseded CertificateStatus = "superseded"
	CertificateExpired    CertificateStatus = "expired"
	CertificateRevoked    CertificateStatus = "revoked"
)

// Certificate is one that a device may connect with.
type Certificate struct {
	// Serial is lower-case hexadecimal; for one of the tenant's own CA, whose serials nobody here numbers, its SHA-256.
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// RevokedAt is zero while the certificate is good.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Origin    Origin    `json:"origin,omitempty"`
	// Authority is the CA of the tenant's own that issued it; empty for the one that the platform keeps for the tenant.
	Authority string `json:"authority_id,omitempty"`
}

// RenewAt is when a renewal is due: after two thirds of its life.
func (c Certificate) RenewAt() time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 3 * 2)
}

func (c Certificate) good(now time.Time) bool { return c.RevokedAt.IsZero() && now.Before(c.NotAfter) }

// StatusOf tells a certificate's status among all those of its device, which are in the order in which they were issued.
func StatusOf(c Certificate, all []Certificate, now time.Time) CertificateStatus {
	switch {
	case !c.RevokedAt.IsZero():
		return CertificateRevoked
	case !now.Before(c.NotAfter):
		return CertificateExpired
	case slices.ContainsFunc(after(c, all), func(newer Certificate) bool { return newer.good(now) }):
		return CertificateSuperseded
	case !now.Before(c.RenewAt()):
		return CertificateExpiring
	default:
		return CertificateActive
	}
}

// after are the certificates that were issued after c.
func after(c Certificate, all []Certificate) []Certificate {
	i := slices.IndexFunc(all, func(other Certificate) bool { return other.Serial == c.Serial })
	return all[i+1:]
}
