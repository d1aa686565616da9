package authority

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"sync"

	"github.com/millwright-io/millwright/tenancy"
)

// maxIssuers bounds how many tenants' opened keys are remembered: an import issues thousands of certificates, and a KMS
// takes milliseconds and money for each key that it opens.
const maxIssuers = 1000

// issuer is a tenant's intermediate, opened.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	sealed      []byte
}

type issuers struct {
	mu sync.Mutex
	by map[tenancy.ID]*issuer
}

// issuer opens a tenant's intermediate, or remembers it.
func (a *Authority) issuer(ctx context.Context, tenant tenancy.ID, intermediate, sealedKey []byte) (*issuer, error) {
	a.issuers.mu.Lock()
	known := a.issuers.by[tenant]
	a.issuers.mu.Unlock()
	if known != nil && bytes.Equal(known.sealed, sealedKey) && bytes.Equal(known.certificate.Raw, intermediate) {
		return known, nil
	}
	certificate, err := x509.ParseCertificate(intermediate)
	if err != nil {
		return nil, fmt.Errorf("read intermediate of tenant %s: %w", tenant, err)
	}
	key, err := a.openECDSA(ctx, string(tenant), sealedKey)
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, fmt.Errorf("the sealed key of tenant %s is not that of its intermediate", tenant)
	}
	opened := &issuer{certificate: certificate, key: key, sealed: bytes.Clone(sealedKey)}
	a.issuers.mu.Lock()
	defer a.issuers.mu.Unlock()
	if a.issuers.by == nil || len(a.issuers.by) >= maxIssuers {
		a.issuers.by = make(map[tenancy.ID]*issuer)
	}
	a.issuers.by[tenant] = opened
	return opened, nil
}
