package gateway

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Identity is a device whose certificate was verified.
type Identity struct {
	Tenant    tenancy.ID
	Device    string
	Serial    string
	NotAfter  time.Time
	Partition int
	// Class is that of its decoders.
	Class uint8
	// Authority is the CA of the tenant's own that issued the certificate; empty for the tenant's intermediate.
	Authority string
	// Via is the gateway device that sends for Device, if one does.
	Via string
	// Limits are the tenant's at the time of the check.
	Limits catalog.Limits
	// Schema is what the device's type says of measurements at that time; nil: everything is accepted.
	Schema *telemetry.Schema
}

// IdentityError says why a certificate was refused. It is a tenancy.ErrUnauthenticated when the certificate proves
// nothing, and a tenancy.ErrForbidden when it proves somebody who may not send.
type IdentityError struct {
	// Reason is a stable word, Detail one sentence.
	Reason, Detail string
	kind           error
}

func (e *IdentityError) Error() string { return e.Detail }

// Unwrap returns the kind.
func (e *IdentityError) Unwrap() error { return e.kind }

func stranger(reason, format string, args ...any) error {
	return &IdentityError{reason, fmt.Sprintf(format, args...), tenancy.ErrUnauthenticated}
}

func barred(reason, format string, args ...any) error {
	return &IdentityError{reason, fmt.Sprintf(format, args...), tenancy.ErrForbidden}
}

// verify decides who holds a certificate: the chain must lead over the tenant's own intermediate to the platform's root,
// and the catalog must know tenant, device and serial.
func (g *Gateway) verify(chain []*x509.Certificate) (Identity, error) {
	if len(chain) == 0 {
		return Identity{}, stranger("no_certificate", "no client certificate was sent: use the device's cert.pem and key.pem")
	}
	leaf := chain[0]
	now := g.Now()
	if o, own := g.owner(leaf); own {
		return g.verifyOwn(leaf, o, now)
	}
	id, err := claimed(leaf)
	if err != nil {
		return Identity{}, err
	}
	if err := inForce(leaf, id.Device, now); err != nil {
		return Identity{}, err
	}
	tenant, known := g.Catalog.Tenant(id.Tenant)
	if err := g.trusted(chain, tenant.IntermediateCA, now); err != nil {
		return Identity{}, err
	}
	if !known {
		return Identity{}, barred("unknown_tenant", "organisation %s is not on this cell: check which cell the device belongs to", id.Tenant)
	}
	g.Catalog.AwaitDevice(id.Tenant, id.Device, id.Serial) // it may have been made a moment ago
	err = g.admitted(&id)
	return id, err
}

// claimed reads who a certificate says it is.
func claimed(leaf *x509.Certificate) (Identity, error) {
	id := Identity{Serial: fmt.Sprintf("%x", leaf.SerialNumber), NotAfter: leaf.NotAfter}
	if len(leaf.URIs) == 1 {
		parts := strings.Split(leaf.URIs[0].String(), "/")
		if len(parts) == 7 && strings.Join(parts[:4], "/") == "spiffe://millwright/tenant" && parts[5] == "device" {
			tenant, err := tenancy.ParseID(parts[4])
			if err == nil && tenancy.IsName(parts[6]) {
				id.Tenant, id.Device = tenant, parts[6]
				return id, nil
			}
		}
	}
	return id, stranger("not_a_device", "the certificate %q names no device: use the one that was issued for the device", leaf.Subject.CommonName)
}

func (g *Gateway) trusted(chain []*x509.Certificate, intermediate []byte, now time.Time) error {
	_, roots := g.files.current()
	between := x509.NewCertPool()
	for _, c := range chain[1:min(len(chain), 4)] {
		between.AddCert(c)
	}
	if ca, err := x509.ParseCertificate(intermediate); err == nil {
		between.AddCert(ca)
	}
	chains, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		var unknown x509.UnknownAuthorityError
		if errors.As(err, &unknown) {
			return stranger("foreign_certificate", "the certificate was not issued by this installation: use the one that was issued for the device")
		}
		return stranger("invalid_certificate", "the certificate is not valid (%v): use the one that was issued for the device", err)
	}
	if len(intermediate) == 0 {
		return nil // the tenant is unknown or has no authority yet; the catalog decides
	}
	for _, c := range chains {
		if len(c) > 1 && string(c[1].Raw) == string(intermediate) {
			return nil
		}
	}
	return stranger("foreign_certificate", "the certificate was not issued by the authority of its organisation: use the one that was issued for the device")
}

// admitted asks the catalog, which may change its mind later.
func (g *Gateway) admitted(id *Identity) error {
	tenant, known := g.Catalog.Tenant(id.Tenant)
	switch {
	case !known || len(tenant.IntermediateCA) == 0:
		return barred("unknown_tenant", "organisation %s is not on this cell: check which cell the device belongs to", id.Tenant)
	case tenant.Refusal() != "":
		return barred("tenant_suspended", "%s", tenant.Refusal())
	}
	if id.Authority != "" && !stands(tenant, id.Authority) {
		return barred("authority_revoked", "the authority that issued the certificate of device %s was revoked: give the device another certificate", id.Device)
	}
	device, known := g.Catalog.Device(id.Tenant, id.Device)
	switch {
	case !known:
		return barred("unknown_device", "device %s does not exist: create it first", id.Device)
	case device.Retired:
		return barred("device_retired", "device %s is retired and may not send any more: create another device", id.Device)
	case device.Suspended:
		return barred("device_suspended", "device %s is suspended: resume it to let it send", id.Device)
	}
	certificate, known := device.Certificates[id.Serial]
	switch {
	case !known:
		return barred("unknown_serial", "certificate %s is not one of device %s: issue a new one", id.Serial, id.Device)
	case certificate.Revoked:
		return barred("certificate_revoked", "certificate %s of device %s is revoked: issue a new one", id.Serial, id.Device)
	}
	id.Limits = tenant.Limits
	id.Schema, id.Class = g.Catalog.Schema(id.Tenant, device.Type), g.decoders.class(device.Type)
	id.Partition = frame.Partition(id.Tenant, id.Device, g.Publisher.Partitions())
	return nil
}

// reasonOf is the stable word of an identity error.
func reasonOf(err error) string {
	var id *IdentityError
	if errors.As(err, &id) {
		return id.Reason
	}
	return "internal"
}
