package cel

import (
	"errors"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/controlplane/internal/device"
	"github.com/millwright-io/millwright/tenancy"
)

var press = device.Device{
	ID: "press_01", Type: "press", Status: device.StatusActive, Firmware: "2.4.1",
	Location: device.Location{Facility: "north", Line: "a", Station: "7"}, Labels: map[string]string{"site": "berlin", "critical": "yes"},
}

func TestAQueryDecides(t *testing.T) {
	t.Parallel()
	q, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{
		`type == "press"`: true,
		`type == "press" && labels.site == "berlin" && location.facility == "north"`: true,
		`labels["site"] in ["berlin", "hamburg"]`:                                    true,
		`firmware.startsWith("2.")`:                                                  true,
		`id.matches("^press_[0-9]+$")`:                                               true,
		`location.line == "b" || location.station == "7"`:                            true,
		`labels.exists(k, k.startsWith("crit"))`:                                     true,
		`labels.missing == "x"`:                                                      false,
		`!(labels.missing == "x")`:                                                   false,
		`!("missing" in labels)`:                                                     true,
		`status == "suspended"`:                                                      false,
		`true`:                                                                       true,
	} {
		compiled, err := q.Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := compiled.Matches(press); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}

func TestABadQueryIsRefusedWithPlaceAndReason(t *testing.T) {
	t.Parallel()
	q, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		`typ == "press"`:                             "query: line 1, column 1: undeclared reference to 'typ'",
		`type == "press" &&`:                         "query: line 1, column 19: Syntax error",
		"type == \"press\" &&\n  location.hall == 1": "query: line 2, column 3: undeclared reference to 'location'",
		`type == 7`:                                  "query: line 1, column 6: found no matching overload for '_==_'",
		`type`:                                       "query: line 1, column 1: it is a string and has to be true or false",
		`id.matches("(")`:                            "query: line 1, column 12: invalid matches argument",
		`type == "press" && labels.all(a, labels.all(b, labels.all(c, labels.all(d, a+b+c+d != ""))))`: "query: line 1, column 30: it may cost ",
		strings.Repeat("(", 50) + "true" + strings.Repeat(")", 50):                                     "query: line 1, column",
	} {
		_, err := q.Compile(text)
		if err == nil || !errors.Is(err, tenancy.ErrInvalid) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func BenchmarkMatches(b *testing.B) {
	q, err := New()
	if err != nil {
		b.Fatal(err)
	}
	compiled, err := q.Compile(`type == "press" && labels.site == "berlin" && location.facility == "north"`)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !compiled.Matches(press) {
			b.Fatal("it does not match")
		}
	}
}
