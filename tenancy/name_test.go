package tenancy_test

import (
	"strings"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

func TestIsName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"press_01": true, "A": true, "0-x": true, strings.Repeat("x", 63): true,
		"": false, "_x": false, "-x": false, "a.b": false, "a b": false, "a/b": false, "a\n": false, "ö": false, strings.Repeat("x", 64): false,
	} {
		if got := tenancy.IsName(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
