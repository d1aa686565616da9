package fake

import (
	"net/url"
	"strconv"
	"strings"
)

// form is a request's parameters: a text, or a form of its own for a[b]=c.
type form map[string]any

// parse reads parameters as Stripe writes them.
func parse(values url.Values) form {
	f := form{}
	for name, list := range values {
		at := f
		parts := strings.Split(strings.ReplaceAll(name, "]", ""), "[")
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(form)
			if !ok {
				inner = form{}
				at[part] = inner
			}
			at = inner
		}
		at[parts[len(parts)-1]] = list[len(list)-1]
	}
	return f
}

func (f form) text(name string) string { s, _ := f[name].(string); return s }

func (f form) inner(name string) form { inner, _ := f[name].(form); return inner }

func (f form) has(name string) bool { _, ok := f[name]; return ok }

func (f form) integer(name string, otherwise int64) int64 {
	if !f.has(name) {
		return otherwise
	}
	n, err := strconv.ParseInt(f.text(name), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// metadata is a form of texts as an object has it.
func (f form) metadata() object {
	o := object{}
	for name, value := range f.inner("metadata") {
		o[name] = value
	}
	return o
}
