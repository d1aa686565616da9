package gateway

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// maxAnnounced bounds how many certificates wait to be registered.
	maxAnnounced = 1000
	// announceAgain is when a certificate that is still unknown is announced once more.
	announceAgain = 5 * time.Second
)

// owner returns the CA of a tenant's own that issued a leaf itself, with nothing between.
func (g *Gateway) owner(leaf *x509.Certificate) (catalog.Owner, bool) {
	for _, o := range g.Catalog.Owners(leaf.RawIssuer) {
		if len(leaf.AuthorityKeyId) > 0 && len(o.Certificate.SubjectKeyId) > 0 && string(leaf.AuthorityKeyId) != string(o.Certificate.SubjectKeyId) {
			continue // another key under the same name
		}
		if leaf.CheckSignatureFrom(o.Certificate) == nil {
			return o, true
		}
	}
	return catalog.Owner{}, false
}

// verifyOwn decides who holds a certificate of a tenant's own CA: a device of that tenant, whatever else it says.
func (g *Gateway) verifyOwn(leaf *x509.Certificate, o catalog.Owner, now time.Time) (Identity, error) {
	name := leaf.Subject.CommonName
	if o.FromURI {
		if name = ""; len(leaf.URIs) == 1 {
			name = leaf.URIs[0].Path[strings.LastIndexByte(leaf.URIs[0].Path, '/')+1:]
		}
	}
	if !tenancy.IsName(name) {
		return Identity{}, stranger("not_a_device", "the certificate %q has no device id where its authority %s puts it: want 1 to 63 letters, digits, _ or -", clip(leaf.Subject.CommonName), o.ID)
	}
	if claims, err := claimed(leaf); err == nil && claims.Tenant != o.Tenant {
		return Identity{}, stranger("foreign_certificate", "the certificate names another organisation than that of the authority that issued it")
	}
	if err := inForce(leaf, name, now); err != nil {
		return Identity{}, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(o.Certificate)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return Identity{}, stranger("invalid_certificate", "the certificate is not valid (%v): use the one that was issued for the device", err)
	}
	sum := sha256.Sum256(leaf.Raw)
	id := Identity{Tenant: o.Tenant, Device: name, Serial: hex.EncodeToString(sum[:]), NotAfter: leaf.NotAfter, Authority: o.ID}
	device, known := g.Catalog.Device(id.Tenant, id.Device)
	if _, registered := device.Certificates[id.Serial]; !registered && (known || o.Provisions) {
		if err := g.announce(&id, leaf.Raw, now); err != nil {
			return id, err
		}
	}
	return id, g.admitted(&id)
}

// announce has a certificate registered that was not seen before, so that it can be revoked like any other, and waits a
// moment for that.
func (g *Gateway) announce(id *Identity, der []byte, now time.Time) error {
	if !g.announced.note(id.Serial, now) {
		return barred("not_registered_yet", "too many new certificates are being registered: connect again in some seconds")
	}
	if err := g.Seen(g.ctx, id.Tenant, id.Authority, der); err != nil {
		g.Log.Warn("cannot announce a certificate", slog.String("tenant", string(id.Tenant)), slog.String("device", id.Device), slog.Any("error", err))
	}
	if !g.Catalog.AwaitDevice(id.Tenant, id.Device, id.Serial) {
		return barred("not_registered_yet", "the certificate of device %s is new and is being registered: connect again in some seconds; if that does not help, the audit log says why", id.Device)
	}
	return nil
}

// announced remembers what was announced lately.
type announced struct {
	mu sync.Mutex
	at map[string]time.Time
}

// note reports whether there is room.
func (a *announced) note(serial string, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at = make(map[string]time.Time)
	}
	if len(a.at) >= maxAnnounced {
		for s, at := range a.at {
			if now.Sub(at) > announceAgain {
				delete(a.at, s)
			}
		}
	}
	if len(a.at) >= maxAnnounced {
		return false
	}
	a.at[serial] = now
	return true
}

// inForce tells whether a certificate holds now, by this machine's clock.
func inForce(leaf *x509.Certificate, device string, now time.Time) error {
	if now.After(leaf.NotAfter) {
		return stranger("certificate_expired", "the certificate of device %s expired on %s: issue a new one", device, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if now.Before(leaf.NotBefore) {
		return stranger("certificate_not_yet_valid", "the certificate of device %s is valid from %s on: check the clocks", device, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// stands reports whether the tenant still has the CA.
func stands(t catalog.Tenant, authority string) bool {
	for _, a := range t.Authorities {
		if a.ID == authority {
			return true
		}
	}
	return false
}
