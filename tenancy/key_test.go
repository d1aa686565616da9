package tenancy_test

import (
	"errors"
	"regexp"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

func TestKeysHaveTheirForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^mw_[0-9a-z]{12}_[0-9A-Za-z]{40}$`)
	seen := map[string]bool{}
	for range 1000 {
		id, text := tenancy.NewKey()
		got, _, err := tenancy.ParseKey(text)
		if err != nil || got != id || !form.MatchString(text) || seen[id] {
			t.Fatalf("%s: id %s, %v", text, got, err)
		}
		seen[id] = true
	}
	for _, text := range []string{"", "mw_", "mw_a", "mw_a_short", "xx_abc_0123456789012345678901234567890123456789", "mw__0123456789012345678901234567890123456789"} {
		if _, _, err := tenancy.ParseKey(text); !errors.Is(err, tenancy.ErrUnauthenticated) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
