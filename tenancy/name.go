package tenancy

import "regexp"

var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// IsName reports whether s has the form of what people name themselves and machines carry in topics, certificates and files:
// a device's id, a device type's. It is 1 to 63 letters, digits, _ or -, and begins with a letter or digit; the API says the same.
func IsName(s string) bool { return name.MatchString(s) }
