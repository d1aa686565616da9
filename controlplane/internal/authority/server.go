package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// The files that WriteServerCertificate writes.
const (
	ServerCertificateFile = "gateway.pem"
	ServerKeyFile         = "gateway-key.pem"
	RootFile              = "ca.pem"
)

// renewEvery is how often KeepServerCertificate looks.
const renewEvery = time.Hour

// KeepServerCertificate keeps the gateway's server certificate for those hosts in a directory, until ctx is done. A
// failed renewal is logged and tried again.
func (a *Authority) KeepServerCertificate(ctx context.Context, dir string, hosts []string, log *slog.Logger) error {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if wrote, err := a.WriteServerCertificate(dir, hosts); err != nil {
			log.ErrorContext(ctx, "cannot renew the gateway's certificate", slog.String("directory", dir), slog.Any("error", err))
		} else if wrote {
			log.InfoContext(ctx, "renewed the gateway's certificate", slog.String("directory", dir))
		}
	}
}

// WriteServerCertificate writes the gateway's certificate, its key and the root, unless those there are good: ours, for
// these hosts, with a third of their life left. It reports whether it wrote.
func (a *Authority) WriteServerCertificate(dir string, hosts []string) (bool, error) {
	hosts = append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	if a.serverCertificateGood(dir, hosts) {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("make gateway certificate directory: %w", err)
	}
	der, key, err := a.newServer(hosts)
	if err != nil {
		return false, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return false, fmt.Errorf("encode gateway key: %w", err)
	}
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{RootFile, encode("CERTIFICATE", a.root.Raw), 0o644},
		{ServerKeyFile, encode("PRIVATE KEY", keyDER), 0o600},
		{ServerCertificateFile, encode("CERTIFICATE", der), 0o644},
	} {
		if err := replaceFile(filepath.Join(dir, f.name), []byte(f.text), f.mode); err != nil {
			return false, fmt.Errorf("write gateway certificate: %w", err)
		}
	}
	return true, nil
}

// newServer makes a server certificate for those hosts, and its key.
func (a *Authority) newServer(hosts []string) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make gateway key: %w", err)
	}
	template := a.template("Millwright Gateway", serverLife)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	template.BasicConstraintsValid = true
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.rootKey)
	if err != nil {
		return nil, nil, fmt.Errorf("sign gateway certificate: %w", err)
	}
	return der, key, nil
}

// ServerCertificates returns a tls.Config's GetCertificate for a server of this process: a certificate for those hosts
// that lives in memory and is renewed with a third of its life left.
func (a *Authority) ServerCertificates(hosts []string) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	hosts = append([]string{"localhost", "127.0.0.1", "::1"}, hosts...)
	var mu sync.Mutex
	var current *tls.Certificate
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		mu.Lock()
		defer mu.Unlock()
		if current != nil && current.Leaf.NotAfter.Sub(a.now()) > serverLife/3 {
			return current, nil
		}
		der, key, err := a.newServer(hosts)
		if err != nil {
			return nil, err
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("read server certificate: %w", err)
		}
		current = &tls.Certificate{Certificate: [][]byte{der, a.root.Raw}, PrivateKey: key, Leaf: leaf}
		return current, nil
	}
}

func (a *Authority) serverCertificateGood(dir string, hosts []string) bool {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, ServerCertificateFile), filepath.Join(dir, ServerKeyFile))
	if err != nil {
		return false
	}
	root, err := os.ReadFile(filepath.Join(dir, RootFile))
	if err != nil || string(root) != encode("CERTIFICATE", a.root.Raw) {
		return false
	}
	left := pair.Leaf.NotAfter.Sub(a.now())
	if pair.Leaf.CheckSignatureFrom(a.root) != nil || left < pair.Leaf.NotAfter.Sub(pair.Leaf.NotBefore)/3 {
		return false
	}
	return !slices.ContainsFunc(hosts, func(h string) bool { return pair.Leaf.VerifyHostname(h) != nil })
}

// replaceFile puts a file in place whole.
func replaceFile(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".tmp"
	if err := writeFile(tmp, data); err != nil {
		return err
	}
	if err := os.Chmod(tmp, mode); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
