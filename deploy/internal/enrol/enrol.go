// Package enrol gives tools devices to speak as: it makes a key and a signing request here, has the control plane sign
// it, and returns what a TLS connection needs. The private key never leaves the machine. simulate, replay and bench
// import it.
package enrol

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"connectrpc.com/connect"

	"github.com/millwright-io/millwright/deploy/internal/durable"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
)

// Devices is what is needed of the DeviceService.
type Devices interface {
	Create(context.Context, *devicev1.CreateRequest) (*devicev1.CreateResponse, error)
	IssueCertificate(context.Context, *devicev1.IssueCertificateRequest) (*devicev1.IssueCertificateResponse, error)
}

// Device is what to register.
type Device struct {
	ID, Type                string
	Facility, Line, Station string
}

// Credentials are a device's certificate, key and the root of the server's certificate, all PEM.
type Credentials struct {
	Certificate, Key, Root []byte
}

// One registers the device, or gives it a further certificate when it exists.
func One(ctx context.Context, api Devices, d Device) (Credentials, error) {
	key, csr, err := request(d.ID)
	if err != nil {
		return Credentials{}, fmt.Errorf("make a key for device %s: %w", d.ID, err)
	}
	var signed *devicev1.Credentials
	created, err := api.Create(ctx, &devicev1.CreateRequest{
		DeviceId: d.ID, DeviceType: d.Type, CsrPem: string(csr),
		Location: &devicev1.Location{Facility: d.Facility, Line: d.Line, Station: d.Station},
	})
	switch {
	case err == nil:
		signed = created.GetCredentials()
	case connect.CodeOf(err) == connect.CodeAlreadyExists:
		issued, err := api.IssueCertificate(ctx, &devicev1.IssueCertificateRequest{DeviceId: d.ID, CsrPem: string(csr)})
		if err != nil {
			return Credentials{}, fmt.Errorf("issue a certificate for device %s: %w", d.ID, err)
		}
		signed = issued.GetCredentials()
	default:
		return Credentials{}, fmt.Errorf("create device %s: %w", d.ID, err)
	}
	return Credentials{Certificate: []byte(signed.GetCertificatePem()), Key: key, Root: []byte(signed.GetCaPem())}, nil
}

// atOnce is how many devices are registered at a time.
const atOnce = 4

// All registers the devices and returns their credentials in the same order.
func All(ctx context.Context, api Devices, devices []Device) ([]Credentials, error) {
	out := make([]Credentials, len(devices))
	errs := make([]error, atOnce)
	var wait sync.WaitGroup
	for w := range atOnce {
		wait.Go(func() {
			for i := w; i < len(devices) && errs[w] == nil; i += atOnce {
				out[i], errs[w] = One(ctx, api, devices[i])
			}
		})
	}
	wait.Wait()
	return out, errors.Join(errs...)
}

func request(device string) (keyPEM, csrPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: device}}, key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr}), nil
}

// TLS is the configuration of a connection as the device.
func (c Credentials) TLS() (*tls.Config, error) {
	pair, err := tls.X509KeyPair(c.Certificate, c.Key)
	if err != nil {
		return nil, fmt.Errorf("read the device's certificate and key: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.Root) {
		return nil, errors.New("read the server's root: no certificate in it")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS13}, nil
}

// The files of a device's directory.
const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
	rootFile = "ca.pem"
)

// Load reads cert.pem, key.pem and ca.pem.
func Load(dir string) (Credentials, error) {
	var c Credentials
	for name, into := range map[string]*[]byte{certFile: &c.Certificate, keyFile: &c.Key, rootFile: &c.Root} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return Credentials{}, fmt.Errorf("read credentials: %w", err)
		}
		*into = b
	}
	return c, nil
}

// Save writes cert.pem, key.pem and ca.pem for the owner's eyes only.
func (c Credentials) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	for name, b := range map[string][]byte{certFile: c.Certificate, keyFile: c.Key, rootFile: c.Root} {
		if err := durable.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return fmt.Errorf("write credentials: %w", err)
		}
	}
	return nil
}
