package warehouse

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

const usersFile = "users.json"

// user is who may log in. Hash is the SHA-256 of the password, as ClickHouse's sha256_password keeps it.
type user struct {
	Hash     string   `json:"sha256"`
	Database string   `json:"default_database,omitempty"`
	Grants   grantSet `json:"grants,omitempty"`
	Quota    quota    `json:"quota,omitzero"`
	admin    bool
}

func (u user) role() string {
	if u.admin {
		return adminRole
	}
	return u.Grants.role()
}

// users is the endpoint's own list of users, kept in the data directory.
type users struct {
	path  string
	admin string

	mu   sync.RWMutex
	list map[string]user
}

func openUsers(cfg Config) (*users, error) {
	password, err := adminPassword(cfg.AdminPasswordFile)
	if err != nil {
		return nil, err
	}
	u := &users{path: filepath.Join(cfg.DataDir, usersFile), admin: cfg.AdminUser, list: map[string]user{}}
	data, err := os.ReadFile(u.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the ClickHouse users: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(data, &u.list); err != nil {
			return nil, fmt.Errorf("read the ClickHouse users: %s is damaged: %w", u.path, err)
		}
	}
	u.list[u.admin] = user{Hash: hashPassword(password), admin: true}
	return u, nil
}

func adminPassword(path string) (string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		password := rand.Text()
		return password, writeFile(path, []byte(password+"\n"))
	}
	if err != nil {
		return "", fmt.Errorf("read the ClickHouse admin password: %w", err)
	}
	password, _, _ := strings.Cut(string(data), "\n")
	if password == "" {
		return "", fmt.Errorf("read the ClickHouse admin password: the first line of %s is empty", path)
	}
	return password, nil
}

func hashPassword(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// authenticate returns the user whose name and password these are. An unknown name costs the same time as a known one.
func (u *users) authenticate(name, password string) (user, error) {
	u.mu.RLock()
	found, known := u.list[name]
	u.mu.RUnlock()
	want := found.Hash
	if !known {
		want = hashPassword("")
	}
	same := subtle.ConstantTimeCompare([]byte(want), []byte(hashPassword(password))) == 1
	if !known || !same {
		return user{}, exception(codeAuthFailed, "AUTHENTICATION_FAILED",
			"%s: Authentication failed: password is incorrect, or there is no user with such name", name)
	}
	return found, nil
}

// grantSets lists what the users may do, for the engine's roles. The admin's role is not among them.
func (u *users) grantSets() []grantSet {
	u.mu.RLock()
	defer u.mu.RUnlock()
	var sets []grantSet
	for _, name := range slices.Sorted(maps.Keys(u.list)) {
		if !u.list[name].admin {
			sets = append(sets, u.list[name].Grants)
		}
	}
	return sets
}

// change edits the list under its lock and stores it; on an error nothing has changed.
func (u *users) change(edit func(list map[string]user) error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	next := maps.Clone(u.list)
	if err := edit(next); err != nil {
		return err
	}
	stored := maps.Clone(next)
	delete(stored, u.admin)
	data, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return fmt.Errorf("store the ClickHouse users: %w", err)
	}
	if err := writeFile(u.path, append(data, '\n')); err != nil {
		return fmt.Errorf("store the ClickHouse users: %w", err)
	}
	u.list = next
	return nil
}
