package enrol

import "testing"

// certsOnly is a message that is cut off within its certificate.
const certsOnly = "MIIBGQYJKoZIhvcNAQcCoIIBCjCCAQYCAQExADALBgkqhkiG9w0BBwGggfIwge8wgaKgAwIBAgIBATAFBgMrZXAwDzENMAsGA1UEAxMEdGVzdA=="

// FuzzCertsOnly gives the reader of answers whatever text.
func FuzzCertsOnly(f *testing.F) {
	f.Add([]byte(certsOnly))
	f.Add([]byte(""))
	f.Add([]byte("MAA="))
	f.Add([]byte("MIAGCSqGSIb3DQEHAqCAMIACAQExADALBgkqhkiG9w0BBwExAAAAAAAAAA=="))
	f.Fuzz(func(t *testing.T, text []byte) {
		if leaf, err := parseCertsOnly(text); err == nil && len(leaf.Raw) == 0 {
			t.Fatal("a certificate without bytes")
		}
	})
}
