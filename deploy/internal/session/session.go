// Package session keeps what `millwright login` got: one session a server, in a file that only its owner may read. Packages
// rpc and client import it.
package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/durable"
)

// maxFile bounds the file: a few hundred servers.
const maxFile = 1 << 20

// Session is a person signed in at a server. The password is never part of it.
type Session struct {
	Server string `json:"server"`
	Email  string `json:"email"`
	// Tenant is what the session acted for when this was written; the server knows better.
	Tenant *Tenant `json:"tenant,omitempty"`
	// Token is the credential.
	Token     string    `json:"token"`
	BegunAt   time.Time `json:"begun_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Tenant names an organisation.
type Tenant struct {
	ID   string `json:"tenant_id"`
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// Store is the file.
type Store struct{ path string }

// Open returns the store in the named file; when path is empty, the one in the person's configuration directory. It reads
// nothing.
func Open(path string, getenv func(string) string) (*Store, error) {
	if path != "" {
		return &Store{path: filepath.Clean(path)}, nil
	}
	dir := getenv("XDG_CONFIG_HOME")
	if home := getenv("HOME"); !filepath.IsAbs(dir) && home != "" {
		dir = filepath.Join(home, ".config")
	}
	if !filepath.IsAbs(dir) {
		return nil, errors.New("where sessions are kept is not known: set HOME or XDG_CONFIG_HOME, or name a file by --session")
	}
	return &Store{path: filepath.Join(dir, "millwright", "session.json")}, nil
}

// Path is where the file is.
func (s *Store) Path() string { return s.path }

// Find returns the session at a server, if one is kept.
func (s *Store) Find(server string) (Session, bool, error) {
	list, err := s.read()
	if err != nil {
		return Session{}, false, err
	}
	if i := at(list, server); i >= 0 {
		return list[i], true, nil
	}
	return Session{}, false, nil
}

// Put keeps a session in place of an earlier one at the same server.
func (s *Store) Put(session Session) error {
	list, err := s.read()
	if err != nil {
		return err
	}
	session.Server = Origin(session.Server)
	if i := at(list, session.Server); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	return s.write(append(list, session))
}

// Remove forgets the session at a server.
func (s *Store) Remove(server string) error {
	list, err := s.read()
	i := at(list, server)
	if err != nil || i < 0 {
		return err
	}
	return s.write(slices.Delete(list, i, i+1))
}

// Origin is the one way to write a server's URL.
func Origin(server string) string {
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	u.Scheme, u.Host, u.Path = strings.ToLower(u.Scheme), strings.ToLower(u.Host), strings.TrimRight(u.Path, "/")
	return u.String()
}

func at(list []Session, server string) int {
	origin := Origin(server)
	return slices.IndexFunc(list, func(s Session) bool { return s.Server == origin })
}

// file is what is written.
type file struct {
	Sessions []Session `json:"sessions"`
}

// read refuses a file that others can read: its sessions must count as known to them.
func (s *Store) read() ([]Session, error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the kept sessions: %w", err)
	}
	if mode := info.Mode(); mode.Perm()&0o077 != 0 || !mode.IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("the kept sessions in %s are not used: it has mode %04o and %d bytes, want a file of mode 0600 and at most %d bytes; delete it and sign in again", s.path, mode.Perm(), info.Size(), maxFile)
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		return nil, fmt.Errorf("read the kept sessions: %w", err)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("the kept sessions in %s cannot be understood (%w): delete it and sign in again", s.path, err)
	}
	return f.Sessions, nil
}

func (s *Store) write(list []Session) error {
	text, err := json.MarshalIndent(file{Sessions: list}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the sessions: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("make the directory for the sessions: %w", err)
	}
	return durable.WriteFile(s.path, append(text, '\n'), 0o600)
}
