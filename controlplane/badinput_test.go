package controlplane_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millwright-io/millwright/controlplane"
	"github.com/millwright-io/millwright/proto/gen/millwright/certificate/v1/certificatev1connect"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
)

// hostile are texts that no field takes.
var hostile = map[string]string{
	"a megabyte":            strings.Repeat("a", 1<<20),
	"a zero byte":           "press\x0001",
	"a change of direction": "press\u202e10_",
	"an invisible letter":   "press\u200b01",
}

// hidden are the hostile texts that a store could keep.
var hidden = map[string]bool{"a change of direction": true, "an invisible letter": true}

// TestEveryTextFieldRefusesWhatNobodyWrites puts each hostile text into every text field of every RPC, as an owner: each
// is refused as the caller's mistake, without an internal error and without repeating a megabyte; the two that no store
// takes are refused by the field's name, and what only hides may be looked for, and nothing is found.
func TestEveryTextFieldRefusesWhatNobodyWrites(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *controlplane.Config) { c.PlanLimits = []string{"requests_per_second=100000"} })
	s.found(t, "ada", tenantv1.Role_ROLE_OWNER)
	walked := 0
	for what, text := range hostile {
		for _, m := range methods() {
			procedure := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
			verb, _, _ := rest(m, nil)
			looksFor := verb == http.MethodGet || procedure == certificatev1connect.CertificateServiceRevokeProcedure
			for path := range textFields(m.Input(), 3) {
				steps := strings.Split(path, ".")
				body, _ := json.Marshal(place(steps, text))
				status, answer := call(t, as{cookie: "ada"}, http.MethodPost, s.url+procedure, body)
				if looksFor && status == http.StatusOK && hidden[what] && len(answer) < 100 {
					continue // and found nothing
				}
				if status < 400 || status >= 500 || len(answer) > 16<<10 {
					t.Errorf("%s: %s in %s: %d %.300s", procedure, what, path, status, answer)
				}
				if !hidden[what] && status == http.StatusBadRequest && !strings.Contains(answer, nameOf(steps)) {
					t.Errorf("%s: %s in %s: the answer does not name it: %.300s", procedure, what, path, answer)
				}
				walked++
			}
		}
	}
	if walked < 500 {
		t.Errorf("walked %d fields", walked)
	}
	if list, err := s.tenants(as{cookie: "ada"}).List(t.Context(), &tenantv1.ListRequest{}); err != nil || len(list.GetMemberships()) != 1 {
		t.Errorf("the tenants afterwards: %v, %v", list.GetMemberships(), err)
	}
}

// nameOf is the last name of a path as errors write it: device_id of filter.deviceId.
func nameOf(path []string) string {
	last := path[len(path)-1]
	if last == "[]" || last == "{}" {
		last = path[len(path)-2]
	}
	return strings.ToLower(regexp.MustCompile("([A-Z])").ReplaceAllString(last, "_$1"))
}

// textFields are the paths to the text fields of a message, with "[]" for an element and "{}" for a value of a map.
func textFields(m protoreflect.MessageDescriptor, depth int) map[string]bool {
	paths := make(map[string]bool)
	for i := range m.Fields().Len() {
		f, path := m.Fields().Get(i), m.Fields().Get(i).JSONName()
		if f.IsMap() {
			path, f = path+".{}", f.MapValue()
		} else if f.IsList() {
			path += ".[]"
		}
		switch {
		case f.Kind() == protoreflect.StringKind:
			paths[path] = true
		case f.Kind() == protoreflect.MessageKind && depth > 0 && strings.HasPrefix(string(f.Message().FullName()), "millwright."):
			for below := range textFields(f.Message(), depth-1) {
				paths[path+"."+below] = true
			}
		}
	}
	return paths
}

// place makes the JSON value that has text at the end of a path.
func place(path []string, text string) any {
	if len(path) == 0 {
		return text
	}
	below := place(path[1:], text)
	switch path[0] {
	case "[]":
		return []any{below}
	case "{}":
		return map[string]any{"key": below}
	default:
		return map[string]any{path[0]: below}
	}
}
