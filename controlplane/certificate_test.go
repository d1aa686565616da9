package controlplane_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/millwright-io/millwright/proto/gen/millwright/audit/v1"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	certificatev1 "github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	groupv1 "github.com/millwright-io/millwright/proto/gen/millwright/group/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// estClient is a device: a key, and the certificate that it has, if any.
type estClient struct {
	t     *testing.T
	s     *stack
	root  []byte
	key   *ecdsa.PrivateKey
	chain [][]byte
}

func (s *stack) device(t *testing.T, root string) *estClient {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &estClient{t: t, s: s, root: []byte(root), key: key}
}

func (c *estClient) request(name string) []byte {
	c.t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, c.key)
	if err != nil {
		c.t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(der))
}

// call returns the status, and the certificate or the sentence.
func (c *estClient) call(operation, token string, body []byte) (int, string) {
	c.t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.root)
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if c.chain != nil {
		config.Certificates = []tls.Certificate{{Certificate: c.chain, PrivateKey: c.key}}
	}
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.s.est+operation, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/pkcs10")
	if token != "" {
		req.SetBasicAuth("claim", token)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// take makes the certificate of an answer the client's.
func (c *estClient) take(status int, answer string) *x509.Certificate {
	c.t.Helper()
	if status != http.StatusOK {
		c.t.Fatalf("%d %s", status, answer)
	}
	leaf := certificateOf(c.t, answer)
	c.chain = [][]byte{leaf.Raw}
	return leaf
}

// certificateOf reads the one certificate of a PKCS #7 answer.
func certificateOf(t *testing.T, answer string) *x509.Certificate {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(answer, "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	var outer struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue // [0] EXPLICIT
	}
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || outer.Type.String() != "1.2.840.113549.1.7.2" {
		t.Fatalf("no PKCS #7: %v %x", err, der)
	}
	var inner struct {
		Version      int
		Algorithms   []asn1.RawValue `asn1:"set"`
		Content      struct{ Type asn1.ObjectIdentifier }
		Certificates asn1.RawValue   `asn1:"tag:0"`
		Signers      []asn1.RawValue `asn1:"set"`
	}
	if _, err := asn1.Unmarshal(outer.Content.Bytes, &inner); err != nil {
		t.Fatal(err)
	}
	certs, err := x509.ParseCertificates(inner.Certificates.Bytes)
	if err != nil || len(certs) != 1 {
		t.Fatalf("%d certificates, %v", len(certs), err)
	}
	return certs[0]
}

func TestADeviceEnrolsAndRenewsByItself(t *testing.T) {
	t.Parallel()
	s := setup(t)
	_, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	api := s.certificates(key)
	overview, err := api.GetOverview(t.Context(), &certificatev1.GetOverviewRequest{})
	if err != nil || overview.GetEstUrl() != "https://127.0.0.1:8444/.well-known/est" {
		t.Fatalf("%v %v", overview, err)
	}
	template, err := api.CreateTemplate(t.Context(), &certificatev1.CreateTemplateRequest{
		Name: "presses", DeviceType: "press", IdPattern: "press_[0-9]{2}", MaxDevices: 1, Location: &devicev1.Location{Facility: "north"},
	})
	if err != nil {
		t.Fatal(err)
	}
	claim, err := api.CreateClaimToken(t.Context(), &certificatev1.CreateClaimTokenRequest{TemplateId: template.GetTemplate().GetTemplateId(), MaxUses: 3})
	if err != nil {
		t.Fatal(err)
	}
	d := s.device(t, overview.GetRootPem())
	status, answer := d.call("cacerts", "", nil)
	if root := certificateOf(t, answer); status != 200 || string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})) != overview.GetRootPem() {
		t.Errorf("cacerts: %d %s", status, answer)
	}
	for name, c := range map[string]struct {
		token  string
		body   []byte
		status int
		want   string
	}{
		"no token":        {"", d.request("press_01"), 401, "a claim token is needed"},
		"another's token": {claim.GetSecret()[:len(claim.GetSecret())-2] + "aa", d.request("press_01"), 401, "the claim token is not known"},
		"no form":         {"hello", d.request("press_01"), 401, "the claim token is not known"},
		"no name":         {claim.GetSecret(), d.request(""), 400, "names no device"},
		"other name":      {claim.GetSecret(), d.request("lathe_01"), 403, "does not match"},
		"unicode":         {claim.GetSecret(), d.request("press_０１"), 400, "letters, digits"},
		"no request":      {claim.GetSecret(), []byte{}, 400, "is empty"},
		"rubbish":         {claim.GetSecret(), []byte("rubbish!"), 400, "is not base64"},
		"cut off":         {claim.GetSecret(), d.request("press_01")[:80], 400, "is no PKCS #10 request"},
		"a megabyte":      {claim.GetSecret(), bytes.Repeat([]byte("A"), 1<<20), 413, "larger than 16384 bytes"},
		"weak key":        {claim.GetSecret(), weakRequest(t, "press_01"), 400, "its RSA key has 1024 bits"},
	} {
		if status, answer := d.call("simpleenroll", c.token, c.body); status != c.status || !strings.Contains(answer, c.want) || strings.Count(answer, "\n") != 1 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	first := d.take(d.call("simpleenroll", claim.GetSecret(), d.request("press_01")))
	if first.Subject.CommonName != "press_01" || len(first.CRLDistributionPoints) != 1 || first.CRLDistributionPoints[0] != overview.GetCrlUrl() {
		t.Errorf("%v, revocation list at %v", first.Subject, first.CRLDistributionPoints)
	}
	if status, answer := s.device(t, overview.GetRootPem()).call("simpleenroll", claim.GetSecret(), d.request("press_01")); status != 409 || !strings.Contains(answer, "there is a device press_01 already") {
		t.Errorf("a device that exists: %d %s", status, answer)
	}
	if status, answer := s.device(t, overview.GetRootPem()).call("simpleenroll", claim.GetSecret(), d.request("press_02")); status != 429 || !strings.Contains(answer, "limit template_devices of template presses") {
		t.Errorf("more devices than the template may make: %d %s", status, answer)
	}
	if status, answer := d.call("simplereenroll", "", d.request("press_02")); status != 403 || !strings.Contains(answer, "the names must be the same") {
		t.Errorf("renewal under another name: %d %s", status, answer)
	}
	if status, answer := s.device(t, overview.GetRootPem()).call("simplereenroll", "", d.request("press_01")); status != 401 {
		t.Errorf("renewal without a certificate: %d %s", status, answer)
	}
	old := *d
	second := d.take(d.call("simplereenroll", "", d.request("press_01")))
	got, err := s.devices(key).Get(t.Context(), &devicev1.GetRequest{DeviceId: "press_01"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.GetDevice().GetCertificates() {
		want, origin := devicev1.CertificateStatus_CERTIFICATE_STATUS_ACTIVE, devicev1.CertificateOrigin_CERTIFICATE_ORIGIN_RENEWAL
		if c.GetSerial() != second.SerialNumber.Text(16) && second.NotBefore.After(first.NotBefore) {
			want, origin = devicev1.CertificateStatus_CERTIFICATE_STATUS_SUPERSEDED, devicev1.CertificateOrigin_CERTIFICATE_ORIGIN_CLAIM
		}
		if second.NotBefore.After(first.NotBefore) && (c.GetStatus() != want || c.GetOrigin() != origin) {
			t.Errorf("certificate %s is %s, %s", c.GetSerial(), c.GetStatus(), c.GetOrigin())
		}
	}
	if got.GetDevice().GetDeviceType() != "press" || got.GetDevice().GetLocation().GetFacility() != "north" || len(got.GetDevice().GetCertificates()) != 2 {
		t.Errorf("the device is %v", got.GetDevice())
	}
	list, err := api.List(t.Context(), &certificatev1.ListRequest{PageSize: 1})
	if err != nil || list.GetTotal() != 2 || list.GetNextPageToken() == "" {
		t.Fatalf("%v %v", list, err)
	}
	if rest, err := api.List(t.Context(), &certificatev1.ListRequest{PageSize: 1, PageToken: list.GetNextPageToken()}); err != nil || len(rest.GetCertificates()) != 1 ||
		rest.GetCertificates()[0].GetCertificate().GetSerial() == list.GetCertificates()[0].GetCertificate().GetSerial() || rest.GetNextPageToken() != "" {
		t.Errorf("second page: %v %v", rest, err)
	}
	// Revoked by choice of place: the API, the list and a renewal all know.
	if dry, err := api.Revoke(t.Context(), &certificatev1.RevokeRequest{Facility: "north", DryRun: true}); err != nil || dry.GetCertificates() != 2 || dry.GetDevices() != 1 {
		t.Errorf("dry run: %v %v", dry, err)
	}
	if _, err := s.groups(key).Create(t.Context(), &groupv1.CreateRequest{GroupId: "presses", Name: "Presses", Query: `type == "press"`}); err != nil {
		t.Fatal(err)
	}
	for group, want := range map[string]int32{"presses": 2, "others": 0} {
		if dry, err := api.Revoke(t.Context(), &certificatev1.RevokeRequest{GroupId: group, DryRun: true}); err != nil || dry.GetCertificates() != want {
			t.Errorf("dry run of group %s: %v %v", group, dry, err)
		}
	}
	if _, err := api.Revoke(t.Context(), &certificatev1.RevokeRequest{DryRun: true}); connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("nothing chosen: %v", err)
	}
	if done, err := api.Revoke(t.Context(), &certificatev1.RevokeRequest{Facility: "north"}); err != nil || done.GetCertificates() != 2 {
		t.Errorf("revoke: %v %v", done, err)
	}
	if status, answer := old.call("simplereenroll", "", d.request("press_01")); status != 403 || !strings.Contains(answer, "is revoked") {
		t.Errorf("renewal with a revoked certificate: %d %s", status, answer)
	}
	revoked := revocationList(t, s, overview)
	if !revoked[first.SerialNumber.Text(16)] || !revoked[second.SerialNumber.Text(16)] || len(revoked) != 2 {
		t.Errorf("the revocation list has %v", revoked)
	}
	// A token for the device itself, once.
	again, err := api.CreateClaimToken(t.Context(), &certificatev1.CreateClaimTokenRequest{DeviceId: "press_01"})
	if err != nil {
		t.Fatal(err)
	}
	fresh := s.device(t, overview.GetRootPem())
	fresh.take(fresh.call("simpleenroll", again.GetSecret(), fresh.request("")))
	if status, answer := fresh.call("simpleenroll", again.GetSecret(), fresh.request("press_01")); status != 401 || !strings.Contains(answer, "was used already") {
		t.Errorf("replay: %d %s", status, answer)
	}
	if _, err := api.RevokeClaimToken(t.Context(), &certificatev1.RevokeClaimTokenRequest{ClaimTokenId: claim.GetClaimToken().GetClaimTokenId()}); err != nil {
		t.Fatal(err)
	}
	if status, answer := fresh.call("simpleenroll", claim.GetSecret(), fresh.request("press_03")); status != 401 || !strings.Contains(answer, "was revoked") {
		t.Errorf("a revoked token: %d %s", status, answer)
	}
	entries, err := s.audit(key).List(t.Context(), &auditv1.ListRequest{Action: "est/"})
	if err != nil || len(entries.GetEntries()) < 8 {
		t.Errorf("%d audit entries of EST, %v", len(entries.GetEntries()), err)
	}
}

func weakRequest(t *testing.T, name string) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // it must be refused
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(der))
}

// revocationList fetches and verifies the tenant's list, and returns the serials on it.
func revocationList(t *testing.T, s *stack, o *certificatev1.GetOverviewResponse) map[string]bool {
	t.Helper()
	u, err := url.Parse(o.GetCrlUrl())
	if err != nil {
		t.Fatal(err)
	}
	status, body := call(t, as{}, http.MethodGet, s.url+u.Path, nil)
	list, err := x509.ParseRevocationList([]byte(body))
	if status != 200 || err != nil {
		t.Fatalf("%d %v", status, err)
	}
	block, _ := pem.Decode([]byte(o.GetIntermediatePem()))
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if err := list.CheckSignatureFrom(ca); err != nil || !list.NextUpdate.After(time.Now().Add(time.Hour)) {
		t.Errorf("the list: %v, next %s", err, list.NextUpdate)
	}
	serials := map[string]bool{}
	for _, e := range list.RevokedCertificateEntries {
		serials[e.SerialNumber.Text(16)] = true
	}
	return serials
}

// ownCA is a CA of a tenant's own.
type ownCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  string
}

func newOwnCA(t *testing.T, name string) ownCA {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return ownCA{key, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue makes a leaf; uri may be empty.
func (c ownCA) issue(t *testing.T, name, uri string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<60))
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour)}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.cert, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestACAOfTheTenantsOwnNeedsProof(t *testing.T) {
	t.Parallel()
	s := setup(t)
	id, key := s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	_, other := s.found(t, "mallory", tenantv1.Role_ROLE_OWNER)
	api := s.certificates(key)
	ca, foreign := newOwnCA(t, "Plant CA"), newOwnCA(t, "Plant CA")
	block, _ := pem.Decode([]byte(ca.pem))
	for name, text := range map[string]string{
		"no PEM": "hello", "a leaf": ca.issue(t, "x", ""), "two": ca.pem + ca.pem,
		"a key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: block.Bytes})),
	} {
		if _, err := api.RegisterAuthority(t.Context(), &certificatev1.RegisterAuthorityRequest{Name: "a", CertificatePem: text}); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), "certificate_pem") {
			t.Errorf("%s: %v", name, err)
		}
	}
	template, err := api.CreateTemplate(t.Context(), &certificatev1.CreateTemplateRequest{Name: "lathes", DeviceType: "lathe", IdPattern: "lathe_.+", MaxDevices: 2})
	if err != nil {
		t.Fatal(err)
	}
	req := &certificatev1.RegisterAuthorityRequest{Name: "Plant", CertificatePem: ca.pem, TemplateId: template.GetTemplate().GetTemplateId()}
	registered, err := api.RegisterAuthority(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	a := registered.GetAuthority()
	for name, c := range map[string]struct{ proof, want string }{
		"another code": {ca.issue(t, "something", ""), "want the verification code"},
		"another CA":   {foreign.issue(t, a.GetVerificationCode(), ""), "was not issued by"},
	} {
		if _, err := api.VerifyAuthority(t.Context(), &certificatev1.VerifyAuthorityRequest{AuthorityId: a.GetAuthorityId(), CertificatePem: c.proof}); connect.CodeOf(err) != connect.CodeInvalidArgument || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	verified, err := api.VerifyAuthority(t.Context(), &certificatev1.VerifyAuthorityRequest{AuthorityId: a.GetAuthorityId(), CertificatePem: ca.issue(t, a.GetVerificationCode(), "")})
	if err != nil || verified.GetAuthority().GetStatus() != certificatev1.AuthorityStatus_AUTHORITY_STATUS_ACTIVE {
		t.Fatalf("%v %v", verified, err)
	}
	// The same key in another tenant, which has it for some reason.
	theirs, err := s.certificates(other).RegisterAuthority(t.Context(), &certificatev1.RegisterAuthorityRequest{Name: "Plant", CertificatePem: ca.pem})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.certificates(other).VerifyAuthority(t.Context(), &certificatev1.VerifyAuthorityRequest{
		AuthorityId: theirs.GetAuthority().GetAuthorityId(), CertificatePem: ca.issue(t, theirs.GetAuthority().GetVerificationCode(), ""),
	}); connect.CodeOf(err) != connect.CodeAlreadyExists {
		t.Errorf("one key in two tenants: %v", err)
	}
	if _, err := api.DeleteTemplate(t.Context(), &certificatev1.DeleteTemplateRequest{TemplateId: template.GetTemplate().GetTemplateId()}); connect.CodeOf(err) != connect.CodeFailedPrecondition {
		t.Errorf("delete a template in use: %v", err)
	}
	eventually(t, "the cell knows the CA", func() bool { return len(s.tenantEntry(t, id).GetAuthorities()) == 1 })
	// A cell reports what devices showed it: one that the template takes, one that it does not, one of a foreign CA.
	report := func(text string) {
		t.Helper()
		block, _ := pem.Decode([]byte(text))
		data, err := proto.Marshal(&catalogv1.CellReport{SeenCertificate: &catalogv1.SeenCertificate{TenantId: id, AuthorityId: a.GetAuthorityId(), Certificate: block.Bytes}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.js.Publish(t.Context(), subject.Report(cell), data); err != nil {
			t.Fatal(err)
		}
	}
	report(ca.issue(t, "press_1", ""))
	report(foreign.issue(t, "lathe_2", ""))
	report(ca.issue(t, "lathe_1", ""))
	eventually(t, "the device is made", func() bool {
		got, err := s.devices(key).Get(t.Context(), &devicev1.GetRequest{DeviceId: "lathe_1"})
		return err == nil && got.GetDevice().GetDeviceType() == "lathe" && got.GetDevice().GetCertificates()[0].GetAuthorityId() == a.GetAuthorityId()
	})
	if all, err := s.devices(key).List(t.Context(), &devicev1.ListRequest{}); err != nil || all.GetTotal() != 1 {
		t.Errorf("devices: %v %v", all, err)
	}
	if _, err := api.RevokeAuthority(t.Context(), &certificatev1.RevokeAuthorityRequest{AuthorityId: a.GetAuthorityId()}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the cell forgets the CA", func() bool { return len(s.tenantEntry(t, id).GetAuthorities()) == 0 })
}

func (s *stack) tenantEntry(t *testing.T, id string) *catalogv1.Tenant {
	t.Helper()
	m := &catalogv1.Tenant{}
	kv, err := s.js.KeyValue(t.Context(), subject.CatalogBucket(cell))
	if err != nil {
		return m
	}
	if e, err := kv.Get(t.Context(), subject.TenantKey(id)); err == nil {
		if err := proto.Unmarshal(e.Value(), m); err != nil {
			t.Fatal(err)
		}
	}
	return m
}
