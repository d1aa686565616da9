package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// memory is a Store of one process.
type memory map[Purpose]PlatformKey

func (m memory) PlatformKey(_ context.Context, p Purpose) (PlatformKey, error) {
	if k, ok := m[p]; ok {
		return k, nil
	}
	return PlatformKey{}, tenancy.ErrNotFound
}

func (m memory) InsertPlatformKey(_ context.Context, k PlatformKey) error {
	if _, ok := m[k.Purpose]; !ok {
		m[k.Purpose] = k
	}
	return nil
}

func open(t *testing.T, kek string, keys memory, now func() time.Time) (*Authority, error) {
	t.Helper()
	file, err := OpenKeyFile(kek)
	if err != nil {
		return nil, err
	}
	return Open(t.Context(), NewVault(file), keys, Options{}, now)
}

func TestTheKeyEncryptionKeyIsMadeOnceAndGuarded(t *testing.T) {
	t.Parallel()
	dir, keys := t.TempDir(), memory{}
	kek := filepath.Join(dir, "keys", "kek")
	first, err := open(t, kek, keys, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(kek); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
	second, err := open(t, kek, keys, time.Now)
	if err != nil || string(first.Root()) != string(second.Root()) {
		t.Errorf("the root changed: %v", err)
	}
	if _, err := open(t, filepath.Join(dir, "other"), keys, time.Now); err == nil || !strings.Contains(err.Error(), "restore that file from its backup") {
		t.Errorf("with another key-encryption key: %v", err)
	}
	if err := os.WriteFile(kek, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyFile(kek); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged key-encryption key: %v", err)
	}
	sealed, err := first.vault.Seal(t.Context(), "a", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.vault.Open(t.Context(), "b", sealed); err == nil {
		t.Error("a sealed key opens under another name")
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := first.vault.Open(t.Context(), "a", sealed); err == nil {
		t.Error("a changed sealed key opens")
	}
}

func TestAKeyEncryptionKeyIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kek")
	vaultOf := func() *Vault {
		t.Helper()
		file, err := OpenKeyFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return NewVault(file)
	}
	old := vaultOf()
	sealed, err := old.Seal(t.Context(), "a", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	// As it was written before ids were kept.
	_, rest, _ := split(sealed)
	first := append([]byte{sealedWithoutID}, rest...)
	if err := AddKey(path); err != nil {
		t.Fatal(err)
	}
	both := vaultOf()
	for _, value := range [][]byte{sealed, first} {
		fresh, changed, err := both.Reseal(t.Context(), "a", value)
		if err != nil || !changed {
			t.Fatalf("reseal: %t, %v", changed, err)
		}
		if _, err := old.Open(t.Context(), "a", fresh); err == nil || !strings.Contains(err.Error(), "is not in the key file") {
			t.Errorf("the old key opens what the new one sealed: %v", err)
		}
		if again, changed, err := both.Reseal(t.Context(), "a", fresh); err != nil || changed || string(again) != string(fresh) {
			t.Errorf("reseal again: %t, %v", changed, err)
		}
		if err := DropKeys(path); err != nil {
			t.Fatal(err)
		}
		if secret, err := vaultOf().Open(t.Context(), "a", fresh); err != nil || string(secret) != "secret" {
			t.Errorf("with the new key alone: %q, %v", secret, err)
		}
		if _, err := vaultOf().Open(t.Context(), "a", value); err == nil {
			t.Error("the new key opens what the old one sealed")
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info.Mode(), err)
	}
}

func TestACSRIsTakenForItsKeyOnly(t *testing.T) {
	t.Parallel()
	a, err := open(t, filepath.Join(t.TempDir(), "kek"), memory{}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	id := tenancy.NewID()
	intermediate, sealed, err := a.NewIntermediate(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	csr := func(key any) string {
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
			Subject: pkix.Name{CommonName: "root of all"}, DNSNames: []string{"bank.example"},
		}, key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	}
	p256, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	rsa2048, _ := rsa.GenerateKey(rand.Reader, 2048)
	rsa1024, _ := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it must be refused
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	good := csr(p256)
	block, _ := pem.Decode([]byte(good))
	block.Bytes[len(block.Bytes)-1] ^= 1
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(p256)
	for name, c := range map[string]struct{ csr, want string }{
		"none":          {"", ""},
		"p256":          {good, ""},
		"p384":          {csr(p384), ""},
		"ed25519":       {csr(edwards), ""},
		"rsa 2048":      {csr(rsa2048), ""},
		"p521":          {csr(p521), "its key is on the curve P-521"},
		"p224":          {csr(p224), "its key is on the curve P-224"},
		"rsa 1024":      {csr(rsa1024), "its RSA key has 1024 bits"},
		"two":           {good + good, "more than one PEM block"},
		"a megabyte":    {encode("CERTIFICATE REQUEST", make([]byte, 1<<20)), "it cannot be parsed"},
		"no pem":        {"hello", "it is not PEM"},
		"a private key": {encode("PRIVATE KEY", pkcs8), "never send a private key"},
		"cut off":       {encode("CERTIFICATE REQUEST", block.Bytes[:40]), "it cannot be parsed"},
		"forged":        {string(pem.EncodeToMemory(block)), "it is not signed with the key it names"},
	} {
		cred, err := a.IssueDevice(t.Context(), id, "press_01", c.csr, intermediate, sealed)
		if c.want != "" {
			if !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if (cred.PrivateKey == "") != (c.csr != "") {
			t.Errorf("%s: private key %q", name, cred.PrivateKey)
		}
		block, _ := pem.Decode([]byte(cred.Certificate))
		leaf, err := x509.ParseCertificate(block.Bytes)
		if err != nil || leaf.Subject.CommonName != "press_01" || len(leaf.DNSNames) != 0 || leaf.IsCA {
			t.Errorf("%s: the CSR's names are in the certificate: %v %v", name, leaf.Subject, leaf.DNSNames)
		}
	}
	if _, err := a.IssueDevice(t.Context(), tenancy.NewID(), "press_01", "", intermediate, sealed); err == nil {
		t.Error("another tenant's intermediate signs")
	}
}

func TestTheServerCertificateIsRenewedInTime(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	a, err := open(t, filepath.Join(dir, "kek"), memory{}, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	write := func(want bool, hosts ...string) {
		t.Helper()
		if wrote, err := a.WriteServerCertificate(dir, hosts); err != nil || wrote != want {
			t.Errorf("wrote %t, %v; want %t", wrote, err, want)
		}
	}
	write(true, "plant.example", "10.0.0.7")
	write(false, "plant.example", "10.0.0.7")
	write(true, "plant.example", "other.example")
	now = now.Add(50 * 24 * time.Hour)
	write(false, "plant.example")
	now = now.Add(15 * 24 * time.Hour)
	write(true, "plant.example")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, ServerCertificateFile), filepath.Join(dir, ServerKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	ca, _ := os.ReadFile(filepath.Join(dir, RootFile))
	roots.AppendCertsFromPEM(ca)
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "plant.example"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now}); err != nil {
			t.Errorf("verify for %s: %v", host, err)
		}
	}
	if info, _ := os.Stat(filepath.Join(dir, ServerKeyFile)); info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v", info.Mode())
	}
}
