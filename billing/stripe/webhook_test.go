package stripe_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/stripe"
	"github.com/millwright-io/millwright/billing/stripe/fake"
)

const secret = "whsec_test"

func signed(body string) string { return fake.Sign([]byte(body), secret, time.Now()) }

// TestParseReadsWhatAnEventIsAbout takes the forms in which a customer is named.
func TestParseReadsWhatAnEventIsAbout(t *testing.T) {
	t.Parallel()
	event := func(kind, object string) string {
		return `{"id":"evt_1","object":"event","type":"` + kind + `","created":1700000000,"data":{"object":` + object + `}}`
	}
	for what, c := range map[string]struct {
		body, customer, entry, object string
		card                          bool
	}{
		"an invoice":          {event("invoice.paid", `{"id":"in_1","object":"invoice","customer":"cus_1","metadata":{"millwright_entry":"e"}}`), "cus_1", "e", "in_1", false},
		"expanded":            {event("invoice.paid", `{"id":"in_1","object":"invoice","customer":{"id":"cus_1"}}`), "cus_1", "", "in_1", false},
		"a customer":          {event("customer.updated", `{"id":"cus_1","object":"customer"}`), "cus_1", "", "cus_1", false},
		"a card that is in":   {event("checkout.session.completed", `{"id":"cs_1","object":"checkout.session","mode":"setup","customer":"cus_1"}`), "cus_1", "", "cs_1", true},
		"a payment by itself": {event("checkout.session.completed", `{"id":"cs_1","object":"checkout.session","mode":"payment","customer":"cus_1"}`), "cus_1", "", "cs_1", false},
		"nobody":              {event("balance.available", `{"object":"balance","customer":null}`), "", "", "", false},
	} {
		e, err := stripe.Parse([]byte(c.body), signed(c.body), []string{"whsec_new", secret})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if e.ID != "evt_1" || e.Customer != c.customer || e.Entry != c.entry || e.Object != c.object || e.CardEntered != c.card || e.CreatedAt.Unix() != 1700000000 {
			t.Errorf("%s: %+v", what, e)
		}
	}
	for what, body := range map[string]string{
		"no object": `{"id":"evt_1","type":"x","created":1}`, "no id": `{"type":"x","created":1,"data":{"object":{}}}`, "no JSON": "x", "a list": "[]",
		"a long id": event("x", `{"id":"`+strings.Repeat("x", 101)+`"}`), "a NUL": event("x", `{"id":"\u0000"}`),
	} {
		if e, err := stripe.Parse([]byte(body), signed(body), []string{secret}); err == nil {
			t.Errorf("%s: %+v", what, e)
		}
	}
}

// FuzzWebhook: whatever the body and the signature, an event is only what was signed, and its names are bounded.
func FuzzWebhook(f *testing.F) {
	for _, body := range []string{
		`{"id":"evt_1","object":"event","type":"invoice.paid","created":1,"data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1","metadata":{"millwright_entry":"e"}}}}`,
		`{"id":"evt_1","type":"customer.updated","created":1,"data":{"object":{"id":"cus_1","object":"customer","customer":{"id":{}}}}}`,
		`{"data":{"object":null}}`, `{"data":null}`, `{`, `[]`, `{"created":-1}`, `{"id":7,"data":{"object":[]}}`,
	} {
		f.Add([]byte(body), "t=1,v1=00", true)
		f.Add([]byte(body), "v1=,t=,=,t=99999999999999999999", false)
	}
	f.Fuzz(func(t *testing.T, body []byte, signature string, sign bool) {
		if sign {
			signature = fake.Sign(body, secret, time.Now())
		}
		e, err := stripe.Parse(body, signature, []string{secret})
		if err != nil {
			return
		}
		if !sign {
			t.Fatalf("taken without our signature: %+v", e)
		}
		for _, text := range []string{e.ID, e.Type, e.Object, e.Customer, e.Entry} {
			if len(text) > 100 || strings.ContainsRune(text, 0) {
				t.Fatalf("a name of %d bytes", len(text))
			}
		}
		if e.ID == "" || e.Type == "" || e.CreatedAt.Year() < 1970 || e.CreatedAt.Year() > 40000 {
			t.Fatalf("taken: %+v", e)
		}
	})
}
