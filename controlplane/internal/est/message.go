package est

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/tenancy"
)

// largestRequest bounds a body: a request with an RSA key of 8192 bits has 3 KB.
const largestRequest = 16 << 10

// request reads a PKCS #10 request.
func request(w http.ResponseWriter, r *http.Request) (certificate.Request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestRequest))
	if err != nil {
		return certificate.Request{}, fmt.Errorf("read the request: %w: %w", err, tenancy.ErrInvalid)
	}
	return parseRequest(body)
}

// parseRequest takes base64 as RFC 7030 says, and what curl and openssl make of it: PEM, or bare DER.
func parseRequest(body []byte) (certificate.Request, error) {
	refuse := func(why string) (certificate.Request, error) {
		return certificate.Request{}, fmt.Errorf("the request %s: %w", why, tenancy.ErrInvalid)
	}
	der := body
	switch {
	case len(body) == 0:
		return refuse("is empty: send a PKCS #10 request in base64")
	case bytes.Contains(body, []byte("-----BEGIN")):
		block, rest := pem.Decode(body)
		if block == nil || (block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST") {
			return refuse("is PEM but no CERTIFICATE REQUEST; never send a private key")
		}
		if next, _ := pem.Decode(rest); next != nil {
			return refuse("has more than one PEM block: send the request alone")
		}
		der = block.Bytes
	case body[0] != asn1.TagSequence|0x20:
		text := strings.Map(func(c rune) rune {
			if strings.ContainsRune(" \t\r\n", c) {
				return -1
			}
			return c
		}, string(body))
		decoded, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return refuse("is not base64")
		}
		der = decoded
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return refuse("is no PKCS #10 request: " + err.Error())
	}
	return certificate.Request{
		PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})), CommonName: csr.Subject.CommonName,
	}, nil
}

// The parts of a PKCS #7 message that carries certificates and nothing else (RFC 2315, RFC 5652).
var (
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
)

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue
}

type signedData struct {
	Version      int
	Algorithms   asn1.RawValue // SET OF, empty
	Content      struct{ Type asn1.ObjectIdentifier }
	Certificates asn1.RawValue // [0] IMPLICIT SET OF Certificate
	Signers      asn1.RawValue // SET OF, empty
}

// certsOnly is the degenerate SignedData of certificates: nothing is signed.
func certsOnly(certificates ...[]byte) ([]byte, error) {
	empty := asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSet, IsCompound: true}
	data := signedData{
		Version: 1, Algorithms: empty, Signers: empty,
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: bytes.Join(certificates, nil)},
	}
	data.Content.Type = oidData
	inner, err := asn1.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode SignedData: %w", err)
	}
	der, err := asn1.Marshal(contentInfo{oidSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
	if err != nil {
		return nil, fmt.Errorf("encode PKCS #7: %w", err)
	}
	return der, nil
}

func answer(w http.ResponseWriter, certificates ...[]byte) error {
	der, err := certsOnly(certificates...)
	if err != nil {
		return err
	}
	return write(w, "application/pkcs7-mime; smime-type=certs-only", der)
}

// lineLength is what `openssl base64 -d` reads.
const lineLength = 64

// write sends base64 in lines.
func write(w http.ResponseWriter, kind string, der []byte) error {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Transfer-Encoding", "base64")
	text := base64.StdEncoding.EncodeToString(der)
	var body strings.Builder
	for len(text) > 0 {
		n := min(lineLength, len(text))
		body.WriteString(text[:n] + "\n")
		text = text[n:]
	}
	_, _ = io.WriteString(w, body.String()) // the client is gone
	return nil
}
