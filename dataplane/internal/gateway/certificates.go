package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// certificates are the gateway's own certificate and the platform's root, read again when their files change.
type certificates struct {
	dir string
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	checked time.Time
	stamp   time.Time
	server  *tls.Certificate
	roots   *x509.CertPool
}

// recheckFiles is how often the files are looked at.
const recheckFiles = 10 * time.Second

func openCertificates(dir string, now func() time.Time, log *slog.Logger) (*certificates, error) {
	c := &certificates{dir: dir, now: now, log: log}
	if err := c.load(); err != nil {
		return nil, err
	}
	c.checked = now()
	return c, nil
}

func (c *certificates) load() error {
	stamp := c.newest()
	server, err := tls.LoadX509KeyPair(filepath.Join(c.dir, "gateway.pem"), filepath.Join(c.dir, "gateway-key.pem"))
	if err != nil {
		return fmt.Errorf("read the gateway's certificate: %w", err)
	}
	pem, err := os.ReadFile(filepath.Join(c.dir, "ca.pem"))
	if err != nil {
		return fmt.Errorf("read the root certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s has no certificate in PEM form", filepath.Join(c.dir, "ca.pem"))
	}
	c.server, c.roots, c.stamp = &server, roots, stamp
	return nil
}

func (c *certificates) newest() time.Time {
	var newest time.Time
	for _, name := range []string{"gateway.pem", "gateway-key.pem", "ca.pem"} {
		if info, err := os.Stat(filepath.Join(c.dir, name)); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}

// current returns what is in force; files that cannot be read leave the older ones in force.
func (c *certificates) current() (*tls.Certificate, *x509.CertPool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.checked) >= recheckFiles {
		c.checked = now
		if c.newest().After(c.stamp) {
			if err := c.load(); err != nil {
				c.log.Warn("certificates changed and cannot be read, the older ones stay in force", slog.Any("error", err))
			}
		}
	}
	return c.server, c.roots
}

// tlsConfig asks every client for a certificate and takes any: who sent it is decided behind the handshake, so that a
// refusal can say why.
func (c *certificates) tlsConfig(protocols ...string) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		NextProtos:             protocols,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			server, _ := c.current()
			return server, nil
		},
	}
}
