package up

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	return value, path, writeSecret(path, value+"\n")
}

// writeSecret puts a file in place whole or not at all; only this user may read it.
func writeSecret(path, text string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, plain(err))
	}
	_, err = file.WriteString(text)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, plain(err)), os.Remove(file.Name()))
	}
	return nil
}
