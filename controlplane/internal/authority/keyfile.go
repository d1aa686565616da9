package authority

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const kekBytes = 32

// KeyFile is a KeyService whose keys are lines of a file, 64 hexadecimal characters each. The first seals; those below
// it only open what they sealed earlier. A key's id is the start of its SHA-256. It seals with AES-256-GCM.
type KeyFile struct {
	current string
	keys    map[string]cipher.AEAD
}

// OpenKeyFile reads the file and creates it with one key, readable by its owner only, when it does not exist.
func OpenKeyFile(path string) (*KeyFile, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read key-encryption key: %w", err)
	}
	f := &KeyFile{keys: make(map[string]cipher.AEAD)}
	for line := range strings.FieldsSeq(string(text)) {
		kek, err := hex.DecodeString(line)
		if err != nil || len(kek) != kekBytes {
			return nil, fmt.Errorf("the key-encryption key in %s is damaged: want lines of %d hexadecimal characters; restore it from its backup", path, 2*kekBytes)
		}
		if err := f.add(kek); err != nil {
			return nil, fmt.Errorf("open key-encryption key: %w", err)
		}
	}
	if f.current == "" {
		return nil, fmt.Errorf("the key-encryption key in %s is damaged: the file is empty; restore it from its backup", path)
	}
	return f, nil
}

func (f *KeyFile) add(kek []byte) error {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(kek)
	id := "file-" + hex.EncodeToString(sum[:6])
	f.keys[id] = aead
	if f.current == "" {
		f.current = id
	}
	return nil
}

// Current implements KeyService.
func (f *KeyFile) Current() string { return f.current }

// Encrypt implements KeyService.
func (f *KeyFile) Encrypt(_ context.Context, name string, secret []byte) ([]byte, string, error) {
	aead := f.keys[f.current]
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails: crypto/rand aborts the process instead
	return aead.Seal(nonce, nonce, secret, []byte(name)), f.current, nil
}

// Decrypt implements KeyService.
func (f *KeyFile) Decrypt(_ context.Context, keyID, name string, sealed []byte) ([]byte, error) {
	keys := f.keys
	if keyID != "" {
		aead, ok := f.keys[keyID]
		if !ok {
			return nil, fmt.Errorf("it was sealed with the key-encryption key %s, which is not in the key file; restore that file from its backup", keyID)
		}
		keys = map[string]cipher.AEAD{keyID: aead}
	}
	for _, aead := range keys {
		n := aead.NonceSize()
		if len(sealed) < n {
			break
		}
		if secret, err := aead.Open(nil, sealed[:n], sealed[n:], []byte(name)); err == nil {
			return secret, nil
		}
	}
	return nil, errors.New("the key-encryption key is not the one it was sealed with; restore that file from its backup")
}

// AddKey puts a new key first in the file: from the next start on, it seals. The keys that were there still open.
func AddKey(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read key-encryption key: %w", err)
	}
	if _, err := OpenKeyFile(path); err != nil {
		return err
	}
	if err := replaceFile(path, append(newKey(), old...), 0o600); err != nil {
		return fmt.Errorf("write key-encryption key: %w", err)
	}
	return nil
}

// DropKeys leaves only the first key in the file: what another one sealed no longer opens.
func DropKeys(path string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read key-encryption key: %w", err)
	}
	if _, err := OpenKeyFile(path); err != nil {
		return err
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(old)), "\n")
	if err := replaceFile(path, []byte(strings.TrimSpace(first)+"\n"), 0o600); err != nil {
		return fmt.Errorf("write key-encryption key: %w", err)
	}
	return nil
}

func newKey() []byte {
	kek := make([]byte, kekBytes)
	_, _ = rand.Read(kek) // never fails: crypto/rand aborts the process instead
	return []byte(hex.EncodeToString(kek) + "\n")
}

// create makes the file whole or not at all; when somebody else made it meanwhile, theirs counts.
func create(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	tmp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	defer func() { _ = os.Remove(tmp) }()
	if err := writeFile(tmp, newKey()); err != nil {
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
