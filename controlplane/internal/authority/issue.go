package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

const minRSABits, maxRSABits = 2048, 8192

// IssueDevice implements device.Issuer. The names in a CSR are ignored: a device is who we say it is.
func (a *Authority) IssueDevice(ctx context.Context, tenant tenancy.ID, id, csrPEM string, intermediate, sealedKey []byte) (device.Credentials, error) {
	public, privatePEM, err := deviceKey(csrPEM)
	if err != nil {
		return device.Credentials{}, err
	}
	issuer, err := a.issuer(ctx, tenant, intermediate, sealedKey)
	if err != nil {
		return device.Credentials{}, err
	}
	template := a.template(id, a.options.DeviceLife)
	template.URIs = []*url.URL{{Scheme: "spiffe", Host: TrustDomain, Path: "/tenant/" + string(tenant) + "/device/" + id}}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	template.BasicConstraintsValid = true
	if a.options.CRL != nil {
		template.CRLDistributionPoints = []string{a.options.CRL(tenant)}
	}
	if template.NotAfter.After(issuer.certificate.NotAfter) {
		template.NotAfter = issuer.certificate.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.certificate, public, issuer.key)
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
	block, rest := pem.Decode([]byte(csrPEM))
	if block == nil {
		return nil, badCSR("it is not PEM: it should begin with -----BEGIN CERTIFICATE REQUEST-----")
	}
	if block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" {
		return nil, badCSR("its PEM block is a " + strconv.Quote(block.Type) + ", want CERTIFICATE REQUEST; never send a private key")
	}
	if next, _ := pem.Decode(rest); next != nil {
		return nil, badCSR("there is more than one PEM block: send the request alone")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, badCSR("it cannot be parsed: " + err.Error())
	}
	if err := acceptable(csr.PublicKey); err != nil {
		return nil, fmt.Errorf("csr_pem: %w", err)
	}
	var insecure x509.InsecureAlgorithmError
	switch err := csr.CheckSignature(); {
	case errors.As(err, &insecure):
		return nil, badCSR("it is signed with " + csr.SignatureAlgorithm.String() + ", which is broken: sign it with SHA-256")
	case err != nil:
		return nil, badCSR("it is not signed with the key it names")
	}
	return csr.PublicKey, nil
}

// AcceptableKey implements device.Issuer.
func (a *Authority) AcceptableKey(key crypto.PublicKey) error { return acceptable(key) }

// acceptable refuses weak and odd keys.
func acceptable(key crypto.PublicKey) error {
	const want = "want ECDSA P-256 or P-384, Ed25519, or RSA of 2048 to 8192 bits"
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("its %s, %s: %w", fmt.Sprintf(format, args...), want, tenancy.ErrInvalid)
	}
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() || k.Curve == elliptic.P384() {
			return nil
		}
		return refuse("key is on the curve %s", k.Curve.Params().Name)
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if n := k.N.BitLen(); n < minRSABits || n > maxRSABits {
			return refuse("RSA key has %d bits", n)
		}
		return nil
	default:
		return refuse("key is a %T", key)
	}
}

func badCSR(why string) error { return fmt.Errorf("csr_pem: %s: %w", why, tenancy.ErrInvalid) }

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// DeviceOf reads whom a certificate that IssueDevice made names. It verifies nothing.
func DeviceOf(leaf *x509.Certificate) (tenancy.ID, string, bool) {
	if len(leaf.URIs) != 1 {
		return "", "", false
	}
	parts := strings.Split(leaf.URIs[0].String(), "/")
	if len(parts) != 7 || strings.Join(parts[:4], "/") != "spiffe://"+TrustDomain+"/tenant" || parts[5] != "device" || !tenancy.IsName(parts[6]) {
		return "", "", false
	}
	id, err := tenancy.ParseID(parts[4])
	return id, parts[6], err == nil
}
