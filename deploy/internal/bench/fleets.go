package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/nats"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	benchCell    = "local"
	benchGateway = "gateway"
	benchGroup   = "fleet"
	// sendersAtOnce is how many tenants' gateways send at a time.
	sendersAtOnce = 20
)

// tenantFleet is a tenant as a catalog has it: a CA of its own, a gateway device with a certificate, and devices it speaks for.
type tenantFleet struct {
	id      tenancy.ID
	ca      []byte
	gateway tls.Certificate
	serial  string
	devices int
	until   time.Time
}

func newFleets(tenants, devices int, now time.Time) ([]*tenantFleet, error) {
	all := make([]*tenantFleet, tenants)
	for i := range all {
		f := &tenantFleet{id: tenancy.NewID(), devices: (devices + i) / tenants, until: now.Add(24 * time.Hour)}
		if err := f.certify(now); err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
		all[i] = f
	}
	return all, nil
}

// certify makes the CA and the gateway's certificate.
func (f *tenantFleet) certify(now time.Time) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA of " + string(f.id)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: now.Add(-time.Hour), NotAfter: f.until,
	}
	if f.ca, err = x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: benchGateway}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, NotBefore: now.Add(-time.Hour), NotAfter: f.until,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(der)
	f.serial, f.gateway = hex.EncodeToString(sum[:]), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return nil
}

// entries are the tenant's entries of the catalog, by their keys.
func (f *tenantFleet) entries(put func(key string, m proto.Message) error) error {
	id := string(f.id)
	err := put(subject.TenantKey(id), &catalogv1.Tenant{
		TenantId: id, Name: "Bench " + id, IntermediateCa: f.ca, Revision: 1,
		Authorities: []*catalogv1.Authority{{AuthorityId: "bench", Certificate: f.ca}},
		Limits: &catalogv1.Limits{
			EventsPerSecond: 1_000_000, EventsBurst: 1_000_000, PayloadBytes: 256 << 10, MeasurementsPerDevice: 256, HorizonSeconds: 7 * 24 * 3600,
			RequestsPerSecond: 100, Connections: 100, LiveSessions: 10, QueryConcurrency: 4,
		},
	})
	if err != nil {
		return err
	}
	for i := range f.devices {
		d := &catalogv1.Device{
			TenantId: id, DeviceId: deviceID(i), DeviceType: "temperature_sensor", Facility: "factory_01", Line: fmt.Sprintf("line_%02d", i%20),
			Station: fmt.Sprintf("station_%03d", i%100), Groups: []string{benchGroup},
			Certificates: []*catalogv1.Certificate{{Serial: fmt.Sprintf("%040x", i+1<<40), NotAfter: timestamppb.New(f.until)}},
		}
		if err := put(subject.DeviceKey(id, d.GetDeviceId()), d); err != nil {
			return err
		}
	}
	return put(subject.DeviceKey(id, benchGateway), &catalogv1.Device{
		TenantId: id, DeviceId: benchGateway, DeviceType: "gateway", SpeaksForGroups: []string{benchGroup},
		Certificates: []*catalogv1.Certificate{{Serial: f.serial, NotAfter: timestamppb.New(f.until)}},
	})
}

// fillCatalog writes every entry and waits until all are there.
func fillCatalog(ctx context.Context, url string, fleets []*tenantFleet) error {
	return nats.Fill(ctx, url, subject.CatalogBucket(benchCell), func(put func(key string, value []byte) error) error {
		for _, f := range fleets {
			err := f.entries(func(key string, m proto.Message) error {
				value, err := proto.Marshal(m)
				if err != nil {
					return err
				}
				return put(key, value)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// sendAll has every tenant's gateway send two events a device, on either side of the turn of a minute.
func sendAll(ctx context.Context, e command.Env, t *target, fleets []*tenantFleet) error {
	pem, err := os.ReadFile(t.access.CAFile)
	if err != nil {
		return fmt.Errorf("read the root certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate", t.access.CAFile)
	}
	turn := e.Now().Truncate(time.Minute)
	next, errs := make(chan *tenantFleet, len(fleets)), make(chan error, sendersAtOnce)
	for _, f := range fleets {
		next <- f
	}
	close(next)
	var all sync.WaitGroup
	for range sendersAtOnce {
		all.Go(func() {
			for f := range next {
				if err := f.send(ctx, e, t.access.MQTTAddress, roots, turn); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	all.Wait()
	close(errs)
	return <-errs
}

// send is done when everything is acknowledged.
func (f *tenantFleet) send(ctx context.Context, e command.Env, address string, roots *x509.CertPool, turn time.Time) error {
	var refused atomic.Int64
	client := mqttclient.New(mqttclient.Config{
		Address: address, TLS: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{f.gateway}, MinVersion: tls.VersionTLS13},
		Version: mqttclient.V5, ClientID: benchGateway, Window: 256, Now: e.Now,
		OnAcks: func(acks []mqttclient.Ack) {
			for _, a := range acks {
				if a.Refused() {
					refused.Add(1)
				}
			}
		},
	}, slog.New(slog.NewTextHandler(e.Err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- client.Run(running) }()
	for n, at := range []time.Time{turn.Add(-2 * time.Second), turn.Add(2 * time.Second)} {
		for i := range f.devices {
			p := newPayload(deviceID(i), "bench", at)
			if err := client.Publish("v1/devices/"+deviceID(i)+"/telemetry", p.next(at, uint64(n)), mqttclient.Mark{Due: at.UnixNano()}); err != nil {
				stop()
				return fmt.Errorf("send for %s: %w: %w", f.id, err, <-ended)
			}
		}
	}
	client.Flush()
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	left := client.Drain(drain)
	stop()
	if <-ended; left > 0 || refused.Load() > 0 {
		return fmt.Errorf("of %d events of %s %d were not acknowledged and %d refused", 2*f.devices, f.id, left, refused.Load())
	}
	return nil
}
