// Package demo sets up the demo tenant of `millwright up` as a customer would: it signs a person up, founds a tenant,
// makes a key and registers the devices of a simulated plant, all through the public APIs. Every step may run again.
// Package up imports it.
package demo

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/enrol"
	"github.com/millwright-io/millwright/deploy/internal/mailbox"
	"github.com/millwright-io/millwright/deploy/internal/plant"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	"github.com/millwright-io/millwright/deploy/internal/simulate"
	keyv1 "github.com/millwright-io/millwright/proto/gen/millwright/key/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// The demo's people and things.
const (
	Email    = "demo@acme.example"
	tenant   = "Acme Manufacturing"
	slug     = "acme-manufacturing"
	keyName  = "demo"
	Seed     = 1
	devices  = 60
	renewFor = 30 * 24 * time.Hour
	// activeWithin is how long the cell may take to prepare the tenant's storage.
	activeWithin = 60 * time.Second
	// sendingWithin is how long the plant may take until its first event can be read.
	sendingWithin = 60 * time.Second
)

// Config says where the installation is and where the demo keeps its files.
type Config struct {
	ControlURL string
	// Password is the person's.
	Password string
	// File is demo.json.
	File string
	// DevicesDir takes a folder of credentials for each device.
	DevicesDir string
	// CAFile is the root of the gateway's certificate.
	CAFile string
	// Mailbox takes the person's e-mails.
	Mailbox Mailbox
}

// Mailbox has the e-mails that were sent to an address, newest first.
type Mailbox interface {
	Messages(to string) ([]mailbox.Message, error)
}

// Demo sets up the demo tenant.
type Demo struct {
	cfg  Config
	log  *slog.Logger
	now  func() time.Time
	http *http.Client
	// client calls as the demo's key, once there is one.
	client *rpc.Client
	// mqtt is where the tenant's cell takes devices.
	mqtt string
}

// New returns a demo; it does nothing yet.
func New(cfg Config, log *slog.Logger, now func() time.Time) *Demo {
	return &Demo{cfg: cfg, log: log.With(slog.String("part", "demo")), now: now, http: &http.Client{Timeout: 15 * time.Second}}
}

// Tenant makes sure that the person, the tenant and the key exist, and writes demo.json.
func (d *Demo) Tenant(ctx context.Context) error {
	begun := d.now()
	access, err := readAccess(d.cfg.File)
	if err != nil {
		return err
	}
	if err := d.useKey(ctx, access.APIKey); err != nil {
		if access.APIKey, err = d.newKey(ctx); err != nil {
			return fmt.Errorf("set up the demo tenant: %w", err)
		}
		if err := d.useKey(ctx, access.APIKey); err != nil {
			return fmt.Errorf("use the demo's new key: %w", err)
		}
	}
	found, err := d.waitActive(ctx)
	if err != nil {
		return err
	}
	access.fill(d.cfg, found)
	d.mqtt = access.MQTTAddress
	if !served(found) {
		d.log.WarnContext(ctx, "tenant "+tenant+" is not served: its plant stands still until it is", slog.String("status", found.GetStatus().String()))
		return errors.Join(access.write(d.cfg.File), ErrNotServed)
	}
	if err := d.storeAccess(ctx, &access); err != nil {
		return err
	}
	if err := access.write(d.cfg.File); err != nil {
		return err
	}
	d.log.InfoContext(ctx, "tenant "+tenant+" is there", slog.String("in", d.since(begun)))
	return nil
}

// MQTTAddress is where the tenant's devices connect, after Tenant.
func (d *Demo) MQTTAddress() string { return d.mqtt }

func (d *Demo) since(begun time.Time) string {
	return d.now().Sub(begun).Round(time.Millisecond).String()
}

// useKey makes the key the demo's credential when it still works.
func (d *Demo) useKey(ctx context.Context, key string) error {
	client, err := rpc.Dial(d.cfg.ControlURL, key)
	if err != nil {
		return err
	}
	if _, err := client.Tenants.Get(ctx, &tenantv1.GetRequest{}); err != nil {
		return rpc.Explain(err)
	}
	d.client = client
	return nil
}

// newKey signs in, founds the tenant unless the person has one, and makes an admin's key.
func (d *Demo) newKey(ctx context.Context) (string, error) {
	token, err := d.session(ctx)
	if err != nil {
		return "", err
	}
	person, err := rpc.DialSession(d.cfg.ControlURL, token)
	if err != nil {
		return "", err
	}
	mine, err := person.Tenants.List(ctx, &tenantv1.ListRequest{})
	if err != nil {
		return "", fmt.Errorf("list tenants: %w", rpc.Explain(err))
	}
	if len(mine.GetMemberships()) == 0 {
		if err := d.verify(ctx); err != nil {
			return "", fmt.Errorf("verify the e-mail address %s: %w", Email, err)
		}
		if _, err := person.Tenants.Create(ctx, &tenantv1.CreateRequest{Name: tenant, Slug: slug}); err != nil {
			return "", fmt.Errorf("create tenant %s: %w", tenant, rpc.Explain(err))
		}
	} else if _, err := person.Tenants.Switch(ctx, &tenantv1.SwitchRequest{TenantId: mine.GetMemberships()[0].GetTenant().GetTenantId()}); err != nil {
		return "", fmt.Errorf("act for the demo tenant: %w", rpc.Explain(err))
	}
	answer, err := person.Keys.Create(ctx, &keyv1.CreateRequest{Name: keyName, Role: tenantv1.Role_ROLE_ADMIN})
	if err != nil {
		return "", fmt.Errorf("create the demo's key: %w", rpc.Explain(err))
	}
	return answer.GetSecret(), nil
}

// ErrNotServed says that somebody suspended the demo tenant or asked for its deletion: there is nothing to wait for.
var ErrNotServed = errors.New("the demo tenant is not served")

func served(t *tenantv1.Tenant) bool {
	return t.GetStatus() != tenantv1.TenantStatus_TENANT_STATUS_SUSPENDED && t.GetStatus() != tenantv1.TenantStatus_TENANT_STATUS_DELETING
}

// waitActive waits until the cell has prepared the tenant's storage.
func (d *Demo) waitActive(ctx context.Context) (*tenantv1.Tenant, error) {
	var found *tenantv1.Tenant
	err := until(ctx, activeWithin, "the demo tenant's storage was not prepared", func(ctx context.Context) error {
		answer, err := d.client.Tenants.Get(ctx, &tenantv1.GetRequest{})
		if err != nil {
			return rpc.Explain(err)
		}
		found = answer.GetTenant()
		if served(found) && found.GetStatus() != tenantv1.TenantStatus_TENANT_STATUS_ACTIVE {
			return fmt.Errorf("the tenant is %s", found.GetStatus())
		}
		return nil
	})
	return found, err
}

func (d *Demo) storeAccess(ctx context.Context, access *access) error {
	return until(ctx, activeWithin, "the cell did not tell how to read the demo's store", func(ctx context.Context) error {
		cell, err := d.client.Cell(ctx)
		if err != nil {
			return err
		}
		store, err := cell.GetStoreAccess(ctx, &telemetryv1.GetStoreAccessRequest{})
		if err != nil {
			return rpc.Explain(err)
		}
		access.ClickHouseURL, access.ClickHouseDatabase = store.GetUrl(), store.GetDatabase()
		access.ClickHouseUsername, access.ClickHousePassword = store.GetUsername(), store.GetPassword()
		return nil
	})
}

// Devices makes sure that every device of the plant is registered and has a certificate that is good for a while.
func (d *Demo) Devices(ctx context.Context) error {
	begun := d.now()
	all := plant.New(Seed, devices)
	var missing []enrol.Device
	index := map[string]int{}
	for i, p := range all {
		index[p.ID] = i
		if !d.hasCertificate(p.ID) {
			missing = append(missing, enrol.Device{ID: p.ID, Type: string(p.Type), Facility: p.Facility, Line: p.Line, Station: p.Station})
		}
	}
	if len(missing) == 0 {
		return nil
	}
	credentials, err := enrol.All(ctx, d.client.Devices, missing)
	if err != nil {
		return fmt.Errorf("register the demo's devices: %w", rpc.Explain(err))
	}
	for i, m := range missing {
		file := simulate.DeviceFile{DeviceID: m.ID, DeviceType: m.Type, Index: index[m.ID], Facility: m.Facility, Line: m.Line, Station: m.Station}
		if err := simulate.WriteDevice(d.cfg.DevicesDir, file, credentials[i].Certificate, credentials[i].Key, credentials[i].Root); err != nil {
			return err
		}
	}
	d.log.InfoContext(ctx, "devices have certificates", slog.Int("devices", len(missing)), slog.String("in", d.since(begun)))
	return nil
}

func (d *Demo) hasCertificate(device string) bool {
	dir := filepath.Join(d.cfg.DevicesDir, device)
	for _, name := range []string{"key.pem", "ca.pem", "device.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
	if err != nil {
		return false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false
	}
	left := cert.NotAfter.Sub(d.now())
	return left > min(renewFor, cert.NotAfter.Sub(cert.NotBefore)/3)
}

// WaitSending waits until an event that the plant sent since then can be read.
func (d *Demo) WaitSending(ctx context.Context, since time.Time) error {
	return until(ctx, sendingWithin, "the demo plant does not send", func(ctx context.Context) error {
		cell, err := d.client.Cell(ctx)
		if err != nil {
			return err
		}
		answer, err := cell.Latest(ctx, &telemetryv1.LatestRequest{})
		if err != nil {
			return rpc.Explain(err)
		}
		for _, device := range answer.GetDevices() {
			if device.GetReceivedAt().AsTime().After(since) {
				return nil
			}
		}
		return errors.New("no device was heard")
	})
}

// until tries again and again; its error tells the last reason.
func until(ctx context.Context, within time.Duration, what string, try func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var reason error
	for {
		if err := try(limited); err == nil {
			return nil
		} else if limited.Err() == nil || reason == nil {
			reason = err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limited.Done():
			return fmt.Errorf("%s within %s: %w", what, within, reason)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
