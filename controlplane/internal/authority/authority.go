// Package authority is the platform's certificate authority and the keeper of its keys: the root, the tenants'
// intermediates under it, the devices' leaves and the gateway's server certificate.
// It imports the standard library only; postgres keeps what it makes.
package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// TrustDomain is the host of every device's SPIFFE id.
const TrustDomain = "millwright"

const (
	rootLife         = 20 * 365 * 24 * time.Hour
	intermediateLife = 10 * 365 * 24 * time.Hour
	serverLife       = 90 * 24 * time.Hour
	// skew is how far a device's clock may be behind ours when it is given a certificate; at most a tenth of its life.
	skew = 5 * time.Minute
)

// DeviceLife is how long a device's certificate lives unless configured: short, as a device asks for a new one in time.
const DeviceLife = 30 * 24 * time.Hour

// Options say what device certificates are like.
type Options struct {
	// DeviceLife of zero is the constant of that name.
	DeviceLife time.Duration
	// CRL returns where the revocation list of a tenant's CA is served; nil: certificates name none.
	CRL func(tenancy.ID) string
}

// Purpose names one of the platform's own keys.
type Purpose string

// The purposes.
const (
	PurposeRoot Purpose = "root_ca"
)

// PlatformKey is one of the platform's own keys as it is kept.
type PlatformKey struct {
	ID          string
	Purpose     Purpose
	Certificate []byte // DER, for the root
	PublicKey   []byte
	SealedKey   []byte
	CreatedAt   time.Time
}

// Store keeps the platform's keys.
type Store interface {
	// PlatformKey fails with ErrNotFound when there is none.
	PlatformKey(ctx context.Context, p Purpose) (PlatformKey, error)
	// InsertPlatformKey changes nothing when there is a key of that purpose already.
	InsertPlatformKey(ctx context.Context, k PlatformKey) error
}

// Authority holds the opened platform keys. It is safe for concurrent use.
type Authority struct {
	vault   *Vault
	options Options
	now     func() time.Time
	root    *x509.Certificate
	rootKey *ecdsa.PrivateKey
	issuers issuers
}

// Open reads the platform's keys and makes those that do not exist yet. When several processes start at once, the
// first key stored counts for all.
func Open(ctx context.Context, vault *Vault, store Store, options Options, now func() time.Time) (*Authority, error) {
	if options.DeviceLife == 0 {
		options.DeviceLife = DeviceLife
	}
	a := &Authority{vault: vault, options: options, now: now}
	root, err := load(ctx, store, PurposeRoot, a.newRoot)
	if err != nil {
		return nil, err
	}
	if a.root, err = x509.ParseCertificate(root.Certificate); err != nil {
		return nil, fmt.Errorf("read root certificate: %w", err)
	}
	if a.rootKey, err = a.openECDSA(ctx, string(PurposeRoot), root.SealedKey); err != nil {
		return nil, err
	}
	return a, nil
}

func load(ctx context.Context, store Store, p Purpose, make func(context.Context) (PlatformKey, error)) (PlatformKey, error) {
	k, err := store.PlatformKey(ctx, p)
	if !errors.Is(err, tenancy.ErrNotFound) {
		return k, err
	}
	if k, err = make(ctx); err != nil {
		return PlatformKey{}, fmt.Errorf("make platform key %s: %w", p, err)
	}
	if err := store.InsertPlatformKey(ctx, k); err != nil {
		return PlatformKey{}, err
	}
	return store.PlatformKey(ctx, p)
}

// Root returns the root certificate as DER.
func (a *Authority) Root() []byte { return a.root.Raw }

// RootPEM returns the root certificate as PEM.
func (a *Authority) RootPEM() string { return encode("CERTIFICATE", a.root.Raw) }

func (a *Authority) newRoot(ctx context.Context) (PlatformKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return PlatformKey{}, err
	}
	id := string(tenancy.NewID())
	template := a.template("Millwright Root "+id, rootLife)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLen = true, true, 1
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return PlatformKey{}, err
	}
	sealed, err := a.sealECDSA(ctx, string(PurposeRoot), key)
	if err != nil {
		return PlatformKey{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	return PlatformKey{
		ID: id, Purpose: PurposeRoot, Certificate: der, PublicKey: public, SealedKey: sealed, CreatedAt: a.now().UTC(),
	}, err
}

// NewIntermediate makes a tenant's CA under the root: it signs clients only, no further CA, and no name outside of our
// trust domain. (A constraint on URIs names hosts, so it cannot hold a tenant to its own path; the gateway compares the
// tenant of the leaf with that of the intermediate.)
func (a *Authority) NewIntermediate(ctx context.Context, id tenancy.ID) (certificate, sealedKey []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make key: %w", err)
	}
	template := a.template("Millwright Tenant "+string(id), intermediateLife)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.PermittedURIDomains, template.PermittedDNSDomainsCritical = []string{TrustDomain}, true
	certificate, err = x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.rootKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign intermediate: %w", err)
	}
	sealedKey, err = a.sealECDSA(ctx, string(id), key)
	return certificate, sealedKey, err
}

// template is what all certificates have in common.
func (a *Authority) template(name string, life time.Duration) *x509.Certificate {
	now := a.now().UTC().Truncate(time.Second)
	return &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{CommonName: name, Organization: []string{"Millwright"}},
		NotBefore: now.Add(-min(skew, (life / 10).Truncate(time.Second))), NotAfter: now.Add(life),
	}
}

// serial draws 128 bits; the first is 0 and the second 1, so that every serial is positive and has 32 hexadecimal
// characters.
func serial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	b[0] = b[0]&0x7f | 0x40
	return new(big.Int).SetBytes(b[:])
}

func (a *Authority) sealECDSA(ctx context.Context, name string, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key of %s: %w", name, err)
	}
	return a.vault.Seal(ctx, name, der)
}

func (a *Authority) openECDSA(ctx context.Context, name string, sealed []byte) (*ecdsa.PrivateKey, error) {
	der, err := a.vault.Open(ctx, name, sealed)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("decode key of %s: %w", name, err)
	}
	return key, nil
}
