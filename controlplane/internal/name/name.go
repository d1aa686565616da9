// Package name decides which texts people may give to things as names, labels and notes: what is read alike is written
// alike, and nothing hides. The nouns import it; it imports no vendor and no generated code.
package name

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/millwright-io/millwright/tenancy"
)

// Check refuses a text that is longer than most characters, or that somebody could mistake for another: control and
// invisible characters, changes of direction, spaces at the ends or in a row, letters with separate accents, words of
// letters from scripts that look alike. field is what the caller calls it. An empty text is fine.
func Check(field, text string, most int) error {
	return check(field, text, most, true)
}

// CheckNote refuses what Check does but lets lines break, spaces stand where they are, and scripts mix.
func CheckNote(field, text string, most int) error {
	return check(field, text, most, false)
}

// Required is Check of a text that must be there; it returns the text without the spaces around it.
func Required(field, text string, most int) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", invalid(field, "want 1 to %d characters, not only spaces", most)
	}
	return text, Check(field, text, most)
}

func check(field, text string, most int, strict bool) error {
	if n := utf8.RuneCountInString(text); n > most {
		return invalid(field, "it has %d characters and %d are allowed: shorten it", n, most)
	}
	if !utf8.ValidString(text) {
		return invalid(field, "it is not valid UTF-8: send UTF-8")
	}
	place, before := 0, rune(0)
	for _, r := range text {
		place++
		if !strict && (r == '\n' || r == '\t' || r == '\r') {
			continue
		}
		if what := hidden(r); what != "" {
			return invalid(field, "character %d is %U, %s: leave it out", place, r, what)
		}
		if unicode.Is(unicode.Mn, r) && alike(before) != "" {
			return invalid(field, "character %d is %U, an accent by itself: write the letter and its accent as one character", place, r)
		}
		before = r
	}
	if !strict {
		return nil
	}
	if strings.TrimSpace(text) != text || strings.Contains(text, "  ") {
		return invalid(field, "it has spaces at an end or two in a row: leave them out")
	}
	return mixed(field, text)
}

// hidden says what is wrong with a character that does not show, or does not show as it is.
func hidden(r rune) string {
	switch {
	case r == utf8.RuneError:
		return "the sign for a damaged character"
	case unicode.Is(unicode.Cc, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
		return "a control character"
	case unicode.Is(unicode.Bidi_Control, r):
		return "a change of direction"
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return "invisible"
	case unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r):
		return "of no known meaning"
	case unicode.Is(unicode.Zs, r) && r != ' ':
		return "a space that is not the usual one"
	}
	return ""
}

// mixed refuses a word whose letters come from scripts that look alike.
func mixed(field, text string) error {
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.Is(unicode.Mn, r) }) {
		script := ""
		for _, r := range word {
			s := alike(r)
			if s != "" && script != "" && s != script {
				return invalid(field, "a word mixes %s and %s letters, which look alike: write it in one script", script, s)
			}
			if s != "" {
				script = s
			}
		}
	}
	return nil
}

// alike names a letter's script when its letters look like those of the others here.
func alike(r rune) string {
	switch {
	case unicode.Is(unicode.Latin, r):
		return "Latin"
	case unicode.Is(unicode.Cyrillic, r):
		return "Cyrillic"
	case unicode.Is(unicode.Greek, r):
		return "Greek"
	}
	return ""
}

// Fold is what two names have in common that differ in case only.
func Fold(text string) string { return strings.ToLower(text) }

func invalid(field, format string, args ...any) error {
	return fmt.Errorf("%s: %s: %w", field, fmt.Sprintf(format, args...), tenancy.ErrInvalid)
}
