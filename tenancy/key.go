package tenancy

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
)

// KeyPrefix begins every API key: `mw_<key id>_<secret>`.
const KeyPrefix = "mw_"

const (
	keyIDLength     = 12
	keySecretLength = 40
	keyAlphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewKey makes an API key: its id, and the text that the holder keeps.
func NewKey() (id, text string) {
	id = strings.ToLower(randomText(keyIDLength))
	return id, NewSecret(id)
}

// NewSecret makes another text for the key of that id.
func NewSecret(id string) (text string) { return KeyPrefix + id + "_" + randomText(keySecretLength) }

// KeyActor is how the audit log names who presents a key.
func KeyActor(id, serviceAccount string) string {
	if serviceAccount == "" {
		return "key:" + id
	}
	return "service:" + serviceAccount + "/key:" + id
}

// randomText draws n characters of 0-9, A-Z, a-z, each with the same chance.
func randomText(n int) string {
	out := make([]byte, 0, n)
	var buf [64]byte
	for len(out) < n {
		_, _ = rand.Read(buf[:]) // never fails: crypto/rand aborts the process instead
		for _, b := range buf {
			if i := int(b & 63); i < len(keyAlphabet) && len(out) < n {
				out = append(out, keyAlphabet[i])
			}
		}
	}
	return string(out)
}

// ParseKey splits an API key that came from outside into its id and the SHA-256 of the whole text, which is what the
// stores keep: a secret of 40 random characters (238 bits) cannot be guessed however fast the hash is, and a slow one would
// cost on every request. Compare hashes in constant time.
func ParseKey(text string) (id string, hash [sha256.Size]byte, err error) {
	rest, ok := strings.CutPrefix(text, KeyPrefix)
	id, secret, split := strings.Cut(rest, "_")
	if !ok || !split || len(id) == 0 || len(id) > 40 || len(secret) < 32 || len(text) > 200 {
		return "", hash, fmt.Errorf("this is no API key, one looks like mw_…_…: %w", ErrUnauthenticated)
	}
	return id, sha256.Sum256([]byte(text)), nil
}
