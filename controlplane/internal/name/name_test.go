package name

import (
	"errors"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/tenancy"
)

func TestNamesThatPeopleGive(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"", "factory_01", "Halle 3 – Süd", "Цех 5", "組立ライン A", "São Paulo", "Linie (alt)", "Ω-Linie", "Nhà máy"} {
		if err := Check("name", good, 64); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

func TestTricks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		strings.Repeat("x", 1<<20): "name: it has 1048576 characters and 64 are allowed: shorten it",
		"a\x00b":                   "name: character 2 is U+0000, a control character: leave it out",
		"a\u202eb":                 "name: character 2 is U+202E, a change of direction: leave it out",
		"a\u200bb":                 "name: character 2 is U+200B, invisible: leave it out",
		"a\u00a0b":                 "name: character 2 is U+00A0, a space that is not the usual one: leave it out",
		"a\ufe0f":                  "name: character 2 is U+FE0F, invisible: leave it out",
		"a\u3164":                  "name: character 2 is U+3164, invisible: leave it out",
		"\ue000":                   "name: character 1 is U+E000, of no known meaning: leave it out",
		"Su\u0308d":                "name: character 3 is U+0308, an accent by itself: write the letter and its accent as one character",
		"f\u0430ctory":             "name: a word mixes Latin and Cyrillic letters, which look alike: write it in one script",
		" a":                       "name: it has spaces at an end or two in a row: leave them out",
		"a  b":                     "name: it has spaces at an end or two in a row: leave them out",
		"a\nb":                     "name: character 2 is U+000A, a control character: leave it out",
		"a\xff":                    "name: it is not valid UTF-8: send UTF-8",
	} {
		err := Check("name", text, 64)
		if err == nil || strings.TrimSuffix(err.Error(), ": invalid") != want || !errors.Is(err, tenancy.ErrInvalid) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
	if err := CheckNote("metadata.note", "first\nsecond  line, кВт and kW, mаix", 1024); err != nil {
		t.Errorf("a note: %v", err)
	}
	if err := CheckNote("metadata.note", "a\u202eb", 1024); err == nil {
		t.Error("a note may change direction")
	}
}
