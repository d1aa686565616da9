package catalog

// verifier is a public key of cell tokens, or the memory of one that leaked.
type verifier struct {
	public  []byte
	retired bool
}

// Verifier returns the Ed25519 public key with that id, unless it is unknown or retired.
func (c *Catalog) Verifier(id string) ([]byte, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.verifiers[id]
	return v.public, ok && !v.retired
}

// Retired reports whether the key of that id leaked: who was let in by what it signed may not stay. A key that is only forgotten,
// as its tokens have ended, is not retired.
func (c *Catalog) Retired(id string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.verifiers[id].retired
}

// SetVerifier adds a public key of cell tokens, or retires it.
func (c *Catalog) SetVerifier(id string, publicKey []byte, retired bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verifiers[id] = verifier{publicKey, retired}
}

// RemoveVerifier forgets a public key; tokens signed with it are refused from now on.
func (c *Catalog) RemoveVerifier(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.verifiers, id)
}
