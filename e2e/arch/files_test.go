package arch

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxLines is where a file is split.
const maxLines = 600

func TestNoFileOutgrewItsReader(t *testing.T) {
	t.Parallel()
	for _, name := range tracked(t) {
		if !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".ts") && !strings.HasSuffix(name, ".tsx") && !strings.HasSuffix(name, ".css") && !strings.HasSuffix(name, ".sql") {
			continue
		}
		if strings.Contains(name, "/gen/") {
			continue
		}
		if n := bytes.Count(read(t, name), []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines: split it by %d", name, n, maxLines)
		}
	}
}

func TestNothingTrackedIsASecretOrAProduct(t *testing.T) {
	t.Parallel()
	bad := regexp.MustCompile(`(^|/)(node_modules|dist|bin|\.millwright|\.tools)/|\.(log|pid|sock|pem|key|test|prof)$`)
	for _, name := range tracked(t) {
		if bad.MatchString(name) {
			t.Errorf("%s is tracked", name)
		}
	}
}

func TestFoldersAreNouns(t *testing.T) {
	t.Parallel()
	vague := regexp.MustCompile(`(^|/)(util|utils|common|helpers|shared|misc|base|pkg)(/|\.go$|\.ts$)`)
	for _, name := range tracked(t) {
		if vague.MatchString(name) {
			t.Errorf("%s: the name says nothing of what it holds", name)
		}
	}
}

func TestEveryModuleRepeatsTheWorkspace(t *testing.T) {
	t.Parallel()
	line := regexp.MustCompile(`(?m)^go (\S+)$`)
	want := line.FindSubmatch(read(t, "go.work"))
	if want == nil {
		t.Fatal("go.work has no go line")
	}
	for name := range may {
		file := filepath.Join(name, "go.mod")
		got := line.FindSubmatch(read(t, file))
		if got == nil || !bytes.Equal(got[1], want[1]) {
			t.Errorf("%s: go line %q, go.work has %q", file, got, want[1])
		}
	}
}

func TestEveryFolderHasAReadme(t *testing.T) {
	t.Parallel()
	folders := []string{".", "console"}
	for name := range may {
		folders = append(folders, name)
	}
	for _, name := range folders {
		if len(read(t, filepath.Join(name, "README.md"))) < 200 {
			t.Errorf("%s/README.md says next to nothing", name)
		}
	}
}

func tracked(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	names := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(names) < 50 {
		t.Fatalf("git ls-files found %d files", len(names))
	}
	return names
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return b
}
