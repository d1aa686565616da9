package authority

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	kekBytes      = 32
	sealedVersion = 1
)

// Vault seals private keys under the key-encryption key: AES-256-GCM, bound to a name, so that a sealed key cannot be
// put in another's place.
type Vault struct{ aead cipher.AEAD }

// OpenVault reads the key-encryption key (64 hexadecimal characters) and creates it, readable by its owner only, when
// the file does not exist.
func OpenVault(path string) (*Vault, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key-encryption key: %w", err)
	}
	kek, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(kek) != kekBytes {
		return nil, fmt.Errorf("the key-encryption key in %s is damaged: want %d hexadecimal characters; restore it from its backup", path, 2*kekBytes)
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("open key-encryption key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("open key-encryption key: %w", err)
	}
	return &Vault{aead: aead}, nil
}

// create makes the file whole or not at all; when somebody else made it meanwhile, theirs counts.
func create(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	kek := make([]byte, kekBytes)
	_, _ = rand.Read(kek) // never fails: crypto/rand aborts the process instead
	text := []byte(hex.EncodeToString(kek) + "\n")
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	defer func() { _ = os.Remove(tmp) }()
	if err := writeFile(tmp, text); err != nil {
		return nil, err
	}
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// writeFile writes a secret so that it is on disk when it returns.
func writeFile(path string, data []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

// Seal encrypts a key for one name.
func (v *Vault) Seal(name string, key []byte) []byte {
	nonce := make([]byte, v.aead.NonceSize())
	_, _ = rand.Read(nonce)
	out := append([]byte{sealedVersion}, nonce...)
	return v.aead.Seal(out, nonce, key, []byte(name))
}

// Open decrypts what was sealed for that name.
func (v *Vault) Open(name string, sealed []byte) ([]byte, error) {
	n := 1 + v.aead.NonceSize()
	if len(sealed) < n || sealed[0] != sealedVersion {
		return nil, fmt.Errorf("sealed key of %s: unknown form", name)
	}
	key, err := v.aead.Open(nil, sealed[1:n], sealed[n:], []byte(name))
	if err != nil {
		return nil, fmt.Errorf("sealed key of %s does not open: the key-encryption key is not the one it was sealed with; restore that file from its backup", name)
	}
	return key, nil
}
