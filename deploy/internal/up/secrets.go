package up

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/durable"
)

// secret returns a secret of the data directory and the file it is in, making it on the first start. Two characters a
// byte.
func (d *directory) secret(name string, bytes int) (value, path string, err error) {
	path = d.at("secrets", name)
	text, err := os.ReadFile(path)
	if err == nil {
		value = strings.TrimSpace(string(text))
		if len(value) != 2*bytes {
			return "", "", fmt.Errorf("secret %s has %d characters, want %d: restore it from a backup", path, len(value), 2*bytes)
		}
		return value, path, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", "", fmt.Errorf("read secret %s: %w", path, plain(err))
	}
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	value = hex.EncodeToString(random)
	return value, path, durable.WriteFile(path, []byte(value+"\n"), 0o600)
}
