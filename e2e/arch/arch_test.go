// Package arch holds the structure of the repository against its rules: which module may import which, one home for
// each vendor, a comment on every package, and no file that outgrew its reader. Run it with -count=1: the test cache
// does not see what `go list` reads.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const prefix = "github.com/millwright-io/millwright/"

// may says which sibling modules each module may import. A new edge needs a line in the importing folder's README.
var may = map[string][]string{
	"proto":        {},
	"migrations":   {"proto"},
	"tenancy":      {"proto", "migrations"},
	"billing":      {"tenancy", "proto", "migrations"},
	"controlplane": {"billing", "tenancy", "proto", "migrations"},
	"dataplane":    {"tenancy", "proto", "migrations"},
	"deploy":       {"controlplane", "dataplane", "billing", "tenancy", "migrations", "proto"},
	"e2e":          {"proto", "migrations"},
}

// homes says where a vendor's packages may be imported by product code; a path element of the importing package must be
// one of the listed words. Tests may import what they need.
var homes = map[string][]string{
	"github.com/jackc/pgx":                    {"postgres", "migrations", "pgtest", "controlplane"},
	"github.com/ClickHouse/clickhouse-go":     {"clickhouse", "migrations", "chtest", "bench", "verify"},
	"github.com/ClickHouse/ch-go":             {"clickhouse", "warehouse"},
	"codeberg.org/go-pdf/fpdf":                {"pdf"},
	"golang.org/x/image":                      {"pdf"},
	"github.com/casbin/casbin":                {"casbin"},
	"github.com/ory/client-go":                {"ory", "demo", "up"},
	"github.com/sethvargo/go-limiter":         {"ratelimit"},
	"github.com/nats-io/nats-server":          {"nats", "natstest"},
	"github.com/ebitengine/purego":            {"chdb"},
	"github.com/stripe/stripe-go":             {"stripe"},
	"github.com/golang-jwt/jwt":               {"token"},
	"github.com/prometheus/client_golang/api": {},
	"go.opentelemetry.io":                     {"trace"},
}

type pkg struct {
	ImportPath   string
	Dir          string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func TestModulesImportOnlyWhatTheyMay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		from := module(p.ImportPath)
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			to := module(imported)
			if to == "" || to == from || slices.Contains(may[from], to) {
				continue
			}
			t.Errorf("%s imports %s: %s may import only %v", p.ImportPath, imported, from, may[from])
		}
	}
}

func TestNounPackagesKnowNoGeneratedCode(t *testing.T) {
	t.Parallel()
	edges := []string{"rpc", "postgres", "jetstream", "command", "simulate", "replay", "verify", "bench", "demo", "up", "collect", "distribute", "clickhouse", "nats", "client"}
	for _, p := range packages(t) {
		from := module(p.ImportPath)
		if !slices.Contains([]string{"tenancy", "billing", "controlplane", "dataplane"}, from) || !strings.Contains(p.ImportPath, "/internal/") {
			continue
		}
		if slices.ContainsFunc(strings.Split(p.ImportPath, "/"), func(e string) bool { return slices.Contains(edges, e) }) {
			continue
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(imported, prefix+"proto/gen/") {
				t.Errorf("%s imports %s: conversions belong in rpc, jetstream, collect or distribute", p.ImportPath, imported)
			}
		}
	}
}

func TestVendorsStayAtHome(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		elements := strings.Split(p.ImportPath, "/")
		for _, imported := range p.Imports {
			for vendor, allowed := range homes {
				if imported != vendor && !strings.HasPrefix(imported, vendor+"/") {
					continue
				}
				at := func(e string) bool { return slices.Contains(allowed, e) }
				if !slices.ContainsFunc(elements, at) {
					t.Errorf("%s imports %s: its home is %v", p.ImportPath, imported, allowed)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 && !generated(p.ImportPath) {
			t.Errorf("%s has no package comment: say what it is and who may import it", p.ImportPath)
		}
	}
}

// packages lists every package of the workspace.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Doc,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", "work")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list work: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list work: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		all = append(all, p)
	}
	if len(all) < len(may) {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

func module(importPath string) string {
	rest, ok := strings.CutPrefix(importPath, prefix)
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func generated(path string) bool { return strings.Contains(path, "/proto/gen/") }

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
