package enrol

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	estTimeout = 30 * time.Second
	// largestAnswer bounds what is read of a server's answer.
	largestAnswer = 64 << 10
)

// RenewAt is when the credentials are due for renewal: after two thirds of their life.
func (c Credentials) RenewAt() (time.Time, error) {
	block, _ := pem.Decode(c.Certificate)
	if block == nil {
		return time.Time{}, errors.New("read the device's certificate: it is not PEM")
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the device's certificate: %w", err)
	}
	return leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 3 * 2), nil
}

// Renew makes a new key and has it certified by EST (RFC 7030) with the credentials that the device has. url is that of
// the operations, e.g. https://127.0.0.1:8444/.well-known/est.
func (c Credentials) Renew(ctx context.Context, url, device string) (Credentials, error) {
	key, csr, err := request(device)
	if err != nil {
		return Credentials{}, fmt.Errorf("make a key for device %s: %w", device, err)
	}
	config, err := c.TLS()
	if err != nil {
		return Credentials{}, err
	}
	leaf, err := reenroll(ctx, strings.TrimRight(url, "/")+"/simplereenroll", config, csr)
	if err != nil {
		return Credentials{}, fmt.Errorf("renew the certificate of device %s: %w", device, err)
	}
	return Credentials{Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Raw}), Key: key, Root: c.Root}, nil
}

func reenroll(ctx context.Context, url string, config *tls.Config, csr []byte) (*x509.Certificate, error) {
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	block, _ := pem.Decode(csr)
	body := base64.StdEncoding.EncodeToString(block.Bytes)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/pkcs10")
	req.Header.Set("Content-Transfer-Encoding", "base64")
	res, err := (&http.Client{Transport: transport, Timeout: estTimeout}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, largestAnswer))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s: %s", res.Status, strings.TrimSpace(string(answer[:min(len(answer), 300)])))
	}
	return parseCertsOnly(answer)
}

var oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}

// parseCertsOnly reads the one certificate of a base64 PKCS #7 message that carries nothing else.
func parseCertsOnly(text []byte) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil)))
	if err != nil {
		return nil, fmt.Errorf("the answer is not base64: %w", err)
	}
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue // [0] EXPLICIT
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || !outer.Type.Equal(oidSignedData) {
		return nil, errors.New("the answer is no PKCS #7 SignedData")
	}
	var inner struct {
		Version      int
		Algorithms   asn1.RawValue
		Content      asn1.RawValue
		Certificates asn1.RawValue `asn1:"tag:0"`
		Signers      asn1.RawValue
	}
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &inner); err != nil {
		return nil, fmt.Errorf("the answer's SignedData cannot be read: %w", err)
	}
	certificates, err := x509.ParseCertificates(inner.Certificates.Bytes)
	if err != nil || len(certificates) != 1 {
		return nil, fmt.Errorf("the answer has %d certificates, want one: %w", len(certificates), err)
	}
	return certificates[0], nil
}
