package session_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/deploy/internal/session"
)

func open(t *testing.T, path string, env map[string]string) *session.Store {
	t.Helper()
	store, err := session.Open(path, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestOneSessionAServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := open(t, "", map[string]string{"XDG_CONFIG_HOME": dir, "HOME": "/nowhere"})
	for server, token := range map[string]string{"http://a.example:8080/": "a", "https://b.example": "b"} {
		if err := store.Put(session.Session{Server: server, Token: "older"}); err != nil {
			t.Fatal(err)
		}
		if err := store.Put(session.Session{Server: server, Token: token}); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "millwright", "session.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if s, ok, err := store.Find("HTTP://A.example:8080"); !ok || err != nil || s.Token != "a" {
		t.Errorf("%+v, %v, %v", s, ok, err)
	}
	if err := store.Remove("http://a.example:8080"); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := store.Find("http://a.example:8080"); ok || err != nil {
		t.Errorf("it is still there: %v", err)
	}
	if s, ok, err := store.Find("https://b.example"); !ok || err != nil || s.Token != "b" {
		t.Errorf("the other server's: %+v, %v, %v", s, ok, err)
	}
}

func TestWhereTheFileIs(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]map[string]string{
		"/x/millwright/session.json":         {"XDG_CONFIG_HOME": "/x", "HOME": "/h"},
		"/h/.config/millwright/session.json": {"XDG_CONFIG_HOME": "relative", "HOME": "/h"},
	} {
		if got := open(t, "", env).Path(); got != want {
			t.Errorf("%v: %s", env, got)
		}
	}
	if got := open(t, "/f/s.json", nil).Path(); got != "/f/s.json" {
		t.Error(got)
	}
	if _, err := session.Open("", func(string) string { return "" }); err == nil {
		t.Error("without a home it knows a place")
	}
}

func TestAFileThatIsNotPrivateOrNotOursIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s.json")
	for want, mode := range map[string]os.FileMode{"mode 0644": 0o644, "cannot be understood": 0o600} {
		if err := os.WriteFile(path, []byte("{"), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, _, err := open(t, path, nil).Find("http://a")
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "sign in again") {
			t.Errorf("%s: %v", want, err)
		}
	}
}
