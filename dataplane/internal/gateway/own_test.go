package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/millwright-io/millwright/dataplane/internal/catalog"
	"github.com/millwright-io/millwright/tenancy"
)

// ownLeaf is a certificate of a tenant's own CA; uri may be empty.
func ownLeaf(t testing.TB, ca *authority, name, uri string) tls.Certificate {
	t.Helper()
	template := x509.Certificate{Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature}
	if uri != "" {
		u, err := url.Parse(uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	leaf := issue(t, ca, template)
	return tls.Certificate{Certificate: [][]byte{leaf.cert.Raw}, PrivateKey: leaf.key, Leaf: leaf.cert}
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func TestACAOfTheTenantsOwn(t *testing.T) {
	t.Parallel()
	c := setup(t)
	plant, uris := newCA(t, nil, "Plant CA"), newCA(t, nil, "URI CA")
	below := newCA(t, plant, "Line CA")
	twin := newCA(t, nil, "Plant CA") // the same name, another key
	tenant := c.tenant(acme)
	tenant.Authorities = []catalog.Authority{{ID: "plant", Certificate: plant.cert, Provisions: true}, {ID: "uris", Certificate: uris.cert, FromURI: true}}
	c.catalog.SetTenant(tenant)
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "lathe_01"})
	c.catalog.SetDevice(catalog.Device{Tenant: globex, ID: "lathe_09"})
	// The control plane registers what matches its template.
	c.seen = func(id tenancy.ID, authority string, der []byte) {
		leaf, err := x509.ParseCertificate(der)
		if err != nil || id != acme {
			t.Errorf("announced for %s: %v", id, err)
			return
		}
		name := leaf.Subject.CommonName
		if authority == "uris" {
			name = leaf.URIs[0].Path[strings.LastIndexByte(leaf.URIs[0].Path, '/')+1:]
		}
		if strings.HasPrefix(name, "lathe") {
			c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: name, Certificates: map[string]catalog.Certificate{fingerprint(der): {NotAfter: leaf.NotAfter}}})
		}
	}
	for name, cert := range map[string]tls.Certificate{
		"exists": ownLeaf(t, plant, "lathe_01", ""), "is made": ownLeaf(t, plant, "lathe_02", ""),
		"by uri": ownLeaf(t, uris, "anything", "urn://plant/lathe_01"),
	} {
		if ack := c.client(cert, 5).connect(); ack.ReasonCode != 0 {
			t.Errorf("%s: 0x%02x %q", name, ack.ReasonCode, ack.Properties.ReasonString)
		}
	}
	other := "spiffe://millwright/tenant/" + string(globex) + "/device/lathe_09"
	expired := issue(t, plant, x509.Certificate{Subject: pkix.Name{CommonName: "lathe_01"}, NotBefore: time.Now().Add(-3 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
	for name, bad := range map[string]struct {
		cert  tls.Certificate
		words string
	}{
		"the same name, another key": {ownLeaf(t, twin, "lathe_01", ""), "names no device"},
		"a CA below it":              {ownLeaf(t, below, "lathe_01", ""), "names no device"},
		"another tenant's device":    {ownLeaf(t, plant, "lathe_09", other), "names another organisation"},
		"no id":                      {ownLeaf(t, plant, "a b", ""), "has no device id"},
		"no URI":                     {ownLeaf(t, uris, "lathe_01", ""), "has no device id"},
		"does not exist":             {ownLeaf(t, uris, "x", "urn://plant/nobody"), "does not exist"},
		"not of the template":        {ownLeaf(t, plant, "press_77", ""), "is being registered"},
		"expired":                    {tls.Certificate{Certificate: [][]byte{expired.cert.Raw}, PrivateKey: expired.key}, "expired on"},
	} {
		if ack := c.client(bad.cert, 5).connect(); ack.ReasonCode != 0x87 || !strings.Contains(ack.Properties.ReasonString, bad.words) {
			t.Errorf("%s: 0x%02x %q", name, ack.ReasonCode, ack.Properties.ReasonString)
		}
	}
	// Revoking the CA cuts its sessions, and no others.
	theirs, ours := c.client(ownLeaf(t, plant, "lathe_03", ""), 5).connected(), c.client(c.cert, 5).connected()
	c.catalog.SetTenant(c.tenant(acme))
	if d := theirs.read(packets.Disconnect); d.ReasonCode != 0x87 || !strings.Contains(d.Properties.ReasonString, "the authority that issued the certificate of device lathe_03 was revoked") {
		t.Errorf("0x%02x %q", d.ReasonCode, d.Properties.ReasonString)
	}
	theirs.closed()
	ours.publish("v1/telemetry", 1, measured(`{"a":1}`))
	ours.read(packets.Puback)
	if ack := c.client(ownLeaf(t, plant, "lathe_01", ""), 5).connect(); ack.ReasonCode != 0x87 {
		t.Errorf("after the revocation: 0x%02x", ack.ReasonCode)
	}
}

// BenchmarkHandshake connects as devices do after a power cut: TLS 1.3 with the full chain, its verification and the check
// against the catalog, CONNECT and CONNACK. Client and gateway share the processors.
func BenchmarkHandshake(b *testing.B) {
	c := setup(b)
	cert := c.device(acme, "bench")
	plant := newCA(b, nil, "Plant CA")
	own := ownLeaf(b, plant, "own", "")
	tenant := c.tenant(acme)
	tenant.Authorities = []catalog.Authority{{ID: "plant", Certificate: plant.cert}}
	c.catalog.SetTenant(tenant)
	c.catalog.SetDevice(catalog.Device{Tenant: acme, ID: "own", Certificates: map[string]catalog.Certificate{fingerprint(own.Leaf.Raw): {}}})
	b.Run("own_authority", func(b *testing.B) { connects(b, c, own) })
	b.Run("intermediate", func(b *testing.B) { connects(b, c, cert) })
	b.Run("verify_alone", func(b *testing.B) {
		chain := []*x509.Certificate{cert.Leaf, c.ca[acme].cert}
		for b.Loop() {
			if _, err := c.verify(chain); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func connects(b *testing.B, c *cell, cert tls.Certificate) {
	b.RunParallel(func(pb *testing.PB) {
		config := c.tls(cert)
		connect := encodeConnect(string(tenancy.NewID()))
		answer := make([]byte, 4)
		for pb.Next() {
			conn, err := tls.Dial("tcp", c.Addrs().MQTT, config)
			if err != nil {
				b.Error(err)
				return
			}
			if _, err = conn.Write(connect); err == nil {
				_, err = conn.Read(answer)
			}
			if err != nil || answer[3] != 0 {
				b.Errorf("CONNACK %x, %v", answer, err)
			}
			_ = conn.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "handshakes/s")
}

// encodeConnect is a CONNECT of version 3.1.1 with a clean session.
func encodeConnect(client string) []byte {
	body := append([]byte{0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 30, 0, byte(len(client))}, client...)
	return append([]byte{packets.Connect << 4, byte(len(body))}, body...)
}
