package price

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/millwright-io/millwright/tenancy"
)

func TestVersionsMayNotOverlap(t *testing.T) {
	t.Parallel()
	book := func(version, from string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{"version":"` + version + `","from":"` + from + `T00:00:00Z","plans":[]}`)}
	}
	books, err := load(fstest.MapFS{"books/b.json": book("b", "2027-01-01"), "books/a.json": book("a", "2026-11-01")})
	if err != nil || books[0].Version != "a" {
		t.Fatalf("%v, %v", books, err)
	}
	for name, files := range map[string]fstest.MapFS{
		"two from one month": {"books/a.json": book("a", "2026-11-01"), "books/b.json": book("b", "2026-11-01")},
		"one version twice":  {"books/a.json": book("a", "2026-11-01"), "books/b.json": book("a", "2026-12-01")},
	} {
		if _, err := load(files); !errors.Is(err, tenancy.ErrInvalid) || !strings.Contains(err.Error(), "overlap") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
