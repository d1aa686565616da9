package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

const minRSABits, maxRSABits = 2048, 8192

// IssueDevice implements device.Issuer. The names in a CSR are ignored: a device is who we say it is.
func (a *Authority) IssueDevice(tenant tenancy.ID, id, csrPEM string, intermediate, sealedKey []byte) (device.Credentials, error) {
	issuer, err := x509.ParseCertificate(intermediate)
	if err != nil {
		return device.Credentials{}, fmt.Errorf("read intermediate of tenant %s: %w", tenant, err)
	}
	issuerKey, err := a.openECDSA(string(tenant), sealedKey)
	if err != nil {
		return device.Credentials{}, err
	}
	public, privatePEM, err := deviceKey(csrPEM)
	if err != nil {
		return device.Credentials{}, err
	}
	template := a.template(id, deviceLife)
	template.URIs = []*url.URL{{Scheme: "spiffe", Host: TrustDomain, Path: "/tenant/" + string(tenant) + "/device/" + id}}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.BasicConstraintsValid = true
	if template.NotAfter.After(issuer.NotAfter) {
		template.NotAfter = issuer.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, issuerKey)
	if err != nil {
		return device.Credentials{}, fmt.Errorf("sign certificate: %w", err)
	}
	return device.Credentials{
		Certificate: encode("CERTIFICATE", der) + encode("CERTIFICATE", intermediate), PrivateKey: privatePEM,
		CA: encode("CERTIFICATE", a.root.Raw),
		Description: device.Certificate{
			Serial: template.SerialNumber.Text(16), NotBefore: template.NotBefore, NotAfter: template.NotAfter,
		},
	}, nil
}

// deviceKey returns the key to certify: the CSR's, or a new one with its PEM.
func deviceKey(csrPEM string) (crypto.PublicKey, string, error) {
	if csrPEM != "" {
		public, err := requestedKey(csrPEM)
		return public, "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("make key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, "", fmt.Errorf("encode key: %w", err)
	}
	return key.Public(), encode("PRIVATE KEY", der), nil
}

func requestedKey(csrPEM string) (crypto.PublicKey, error) {
	block, _ := pem.Decode([]byte(csrPEM))
	if block == nil {
		return nil, badCSR("it is not PEM: it should begin with -----BEGIN CERTIFICATE REQUEST-----")
	}
	if block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
		return nil, badCSR("its PEM block is a " + block.Type + ", want CERTIFICATE REQUEST; never send a private key")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, badCSR("it cannot be parsed: " + err.Error())
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, badCSR("it is not signed with the key it names")
	}
	return csr.PublicKey, acceptable(csr.PublicKey)
}

func acceptable(key crypto.PublicKey) error {
	const want = "want ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits"
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
		return badCSR("its key is on the curve " + k.Curve.Params().Name + ", " + want)
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return badCSR(fmt.Sprintf("its RSA key has %d bits, %s", n, want))
		}
		return nil
	default:
		return badCSR(fmt.Sprintf("its key is a %T, %s", key, want))
	}
}

func badCSR(why string) error { return fmt.Errorf("csr_pem: %s: %w", why, tenancy.ErrInvalid) }

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}
