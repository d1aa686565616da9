package kratos

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestTheConfigurationNamesThePagesOfTheConsole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary := dir + "/kratos"
	if err := os.WriteFile(binary, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Binary: binary, Dir: dir + "/etc", DSN: "postgres://x", PublicPort: 1, AdminPort: 2, Origin: "https://plant.example"})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(s.cfg.path())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file of the configuration: %v, %v", info, err)
	}
	text, err := os.ReadFile(s.cfg.path())
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if document["dev"] != false {
		t.Error("cookies would go without the Secure mark over https")
	}
	for _, want := range []string{"https://plant.example/sign-in", "https://plant.example/sign-up", "https://plant.example/verification", "https://plant.example/account", "https://plant.example/identity/", `"haveibeenpwned_enabled": false`, `"host": "127.0.0.1"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the configuration lacks %s", want)
		}
	}
}

func TestAMissingBinaryIsExplained(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Binary: t.TempDir() + "/kratos", Dir: t.TempDir(), Origin: "http://127.0.0.1:8080"})
	if err == nil || !strings.Contains(err.Error(), "make .tools/kratos") {
		t.Fatalf("got %v", err)
	}
}
