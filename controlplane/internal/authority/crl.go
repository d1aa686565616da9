package authority

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"math/big"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// crlLife is how long a revocation list may be used. Gateways do not wait for lists: they are told at once.
const crlLife = 7 * 24 * time.Hour

// Revoked is an entry of a revocation list.
type Revoked struct {
	// Serial is lower-case hexadecimal.
	Serial string
	At     time.Time
}

// RevocationList signs the list of a tenant's CA, as DER. Its number is the time in milliseconds, so that it rises over all processes.
func (a *Authority) RevocationList(ctx context.Context, tenant tenancy.ID, intermediate, sealedKey []byte, revoked []Revoked) ([]byte, error) {
	issuer, err := a.issuer(ctx, tenant, intermediate, sealedKey)
	if err != nil {
		return nil, err
	}
	now := a.now().UTC()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixMilli()), ThisUpdate: now.Truncate(time.Second), NextUpdate: now.Add(crlLife).Truncate(time.Second)}
	for _, r := range revoked {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("serial %q of tenant %s is no hexadecimal number", r.Serial, tenant)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At.UTC()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, issuer.certificate, issuer.key)
	if err != nil {
		return nil, fmt.Errorf("sign revocation list of tenant %s: %w", tenant, err)
	}
	return der, nil
}
