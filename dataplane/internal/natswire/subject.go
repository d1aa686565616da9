package natswire

import "strings"

// Valid reports whether a subject has words in all its places and, unless wildcards are allowed, no wildcard.
func Valid(subject string, wildcards bool) bool {
	if subject == "" {
		return false
	}
	for {
		token, rest, more := strings.Cut(subject, ".")
		if token == "" || token == ">" && (more || !wildcards) || token == "*" && !wildcards {
			return false
		}
		if !more {
			return true
		}
		subject = rest
	}
}

// Matches reports whether a pattern takes a subject; both are valid.
func Matches(pattern, subject string) bool {
	for {
		want, patternRest, patternMore := strings.Cut(pattern, ".")
		if want == ">" {
			return true
		}
		got, subjectRest, subjectMore := strings.Cut(subject, ".")
		if want != "*" && want != got || patternMore != subjectMore {
			return false
		}
		if !patternMore {
			return true
		}
		pattern, subject = patternRest, subjectRest
	}
}
