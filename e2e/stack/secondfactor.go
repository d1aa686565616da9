package stack

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default, and what authenticator apps do
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// SetSecondFactor gives a person's account a second factor, as their account page does, and returns its secret.
func (s *Stack) SetSecondFactor(t testing.TB, p *Person) (secret string) {
	t.Helper()
	var f form
	s.call(t, p, http.MethodGet, s.Demo.ControlURL+"/identity/self-service/settings/browser", nil, &f)
	for _, node := range f.UI.Nodes {
		if node.Attributes.ID == "totp_secret_key" {
			secret = node.Attributes.Text.Text
		}
	}
	if secret == "" {
		t.Fatal("the settings offer no second factor")
	}
	s.call(t, p, http.MethodPost, f.UI.Action, f.with(map[string]any{"method": "totp", "totp_code": Code(t, secret)}), nil)
	return secret
}

// Code is what an authenticator app shows now (RFC 6238: 30 s, 6 digits).
func Code(t testing.TB, secret string) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(secret, "="))
	if err != nil {
		t.Fatalf("the secret of the second factor: %v", err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, uint64(time.Now().Unix())/30) //nolint:gosec // not before 1970
	sum := mac.Sum(nil)
	number := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%06d", number%1_000_000)
}
