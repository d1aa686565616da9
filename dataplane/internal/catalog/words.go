package catalog

import "github.com/millwright-io/millwright/tenancy"

// mostWords bounds what is remembered; beyond it new words are kept by each device for itself.
const mostWords = 100_000

// words keeps one copy of what very many devices say alike: a name that came off the wire is a copy of its own each time.
type words map[string]string

func (w words) one(text string) string {
	if known, ok := w[text]; ok {
		return known
	}
	if len(w) < mostWords {
		w[text] = text
	}
	return text
}

// share makes the device use the words that others use.
func (w words) share(d *Device) {
	d.Tenant = tenancy.ID(w.one(string(d.Tenant)))
	d.Type, d.Facility = w.one(d.Type), w.one(d.Facility)
	for i, g := range d.Groups {
		d.Groups[i] = w.one(g)
	}
}
