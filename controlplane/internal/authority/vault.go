package authority

import (
	"context"
	"errors"
	"fmt"
)

// KeyService seals small secrets under key-encryption keys that it never gives away: a KeyFile, or the KMS of a cloud.
type KeyService interface {
	// Current is the id of the key that Encrypt uses, at most 255 bytes.
	Current() string
	// Encrypt seals a secret for one name: it cannot be opened under another.
	Encrypt(ctx context.Context, name string, secret []byte) (sealed []byte, keyID string, err error)
	// Decrypt opens what the key of that id sealed for that name. An empty id is what was sealed before ids were kept.
	Decrypt(ctx context.Context, keyID, name string, sealed []byte) ([]byte, error)
}

// The forms of a sealed value. The first has no key id in it.
const (
	sealedWithoutID = 1
	sealedWithID    = 2
)

// Vault seals private keys. What it makes names the key-encryption key that opens it, so that the key can be replaced:
// new values are sealed with the new one while old values still open, and Reseal brings the old ones along.
type Vault struct{ keys KeyService }

// NewVault returns a vault.
func NewVault(keys KeyService) *Vault { return &Vault{keys: keys} }

// Seal encrypts a key for one name.
func (v *Vault) Seal(ctx context.Context, name string, key []byte) ([]byte, error) {
	sealed, id, err := v.keys.Encrypt(ctx, name, key)
	if err != nil {
		return nil, fmt.Errorf("seal key of %s: %w", name, err)
	}
	if id == "" || len(id) > 255 {
		return nil, fmt.Errorf("seal key of %s: the key-encryption key has the id %q, want 1 to 255 bytes", name, id)
	}
	out := append([]byte{sealedWithID, byte(len(id))}, id...)
	return append(out, sealed...), nil
}

// Open decrypts what was sealed for that name.
func (v *Vault) Open(ctx context.Context, name string, sealed []byte) ([]byte, error) {
	id, rest, err := split(sealed)
	if err != nil {
		return nil, fmt.Errorf("sealed key of %s: %w", name, err)
	}
	key, err := v.keys.Decrypt(ctx, id, name, rest)
	if err != nil {
		return nil, fmt.Errorf("sealed key of %s does not open: %w", name, err)
	}
	return key, nil
}

// Reseal returns the value sealed under the current key, and false when it is already.
func (v *Vault) Reseal(ctx context.Context, name string, sealed []byte) ([]byte, bool, error) {
	if id, _, err := split(sealed); err == nil && id != "" && id == v.keys.Current() {
		return sealed, false, nil
	}
	key, err := v.Open(ctx, name, sealed)
	if err != nil {
		return nil, false, err
	}
	fresh, err := v.Seal(ctx, name, key)
	return fresh, err == nil, err
}

func split(sealed []byte) (id string, rest []byte, err error) {
	if len(sealed) > 1 && sealed[0] == sealedWithoutID {
		return "", sealed[1:], nil
	}
	if len(sealed) > 2 && sealed[0] == sealedWithID && len(sealed) > 2+int(sealed[1]) && sealed[1] > 0 {
		n := 2 + int(sealed[1])
		return string(sealed[2:n]), sealed[n:], nil
	}
	return "", nil, errors.New("unknown form")
}
