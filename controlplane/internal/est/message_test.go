package est

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

func csr(t testing.TB, name string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestARequestIsReadInEveryFormThatToolsMake(t *testing.T) {
	t.Parallel()
	der := csr(t, "press_01")
	text := base64.StdEncoding.EncodeToString(der)
	for name, body := range map[string][]byte{
		"base64": []byte(text), "base64 in lines": []byte(text[:64] + "\r\n" + text[64:] + "\n"), "der": der,
		"pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
	} {
		r, err := parseRequest(body)
		if err != nil || r.CommonName != "press_01" {
			t.Errorf("%s: %+v, %v", name, r, err)
			continue
		}
		if block, _ := pem.Decode([]byte(r.PEM)); block == nil || !bytes.Equal(block.Bytes, der) {
			t.Errorf("%s: the request changed", name)
		}
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if _, err := parseRequest(key); !errors.Is(err, tenancy.ErrInvalid) {
		t.Errorf("a private key: %v", err)
	}
}

// FuzzRequest gives the reader of requests whatever body.
func FuzzRequest(f *testing.F) {
	der := csr(f, "press_01")
	f.Add(der)
	f.Add([]byte(base64.StdEncoding.EncodeToString(der)))
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
	f.Add([]byte("-----BEGIN"))
	f.Add([]byte{})
	f.Add([]byte{0x30, 0x82, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRequest(body)
		if err != nil {
			if !errors.Is(err, tenancy.ErrInvalid) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		if block, _ := pem.Decode([]byte(r.PEM)); block == nil {
			t.Fatal("what was taken is no PEM")
		}
	})
}
