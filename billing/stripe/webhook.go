package stripe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/webhook"

	"github.com/millwright-io/millwright/billing/payment"
)

const (
	// WebhookPath is where Stripe posts its events.
	WebhookPath = "/webhooks/stripe"
	// maxEvent bounds an event; Stripe's are below 100 KB.
	maxEvent = 256 << 10
	// tolerance is how old a signature may be.
	tolerance = 5 * time.Minute
	// maxName bounds ids and types.
	maxName = 100
)

// Events keep what Stripe tells us.
type Events interface {
	// RecordEvent notes an event and makes due what follows from it; fresh is false for one that was noted before.
	RecordEvent(ctx context.Context, e payment.Event) (fresh bool, err error)
}

// Webhook answers Stripe's posts. secretFile holds a signing secret a line, all of which count, so that a new one can be given before the old
// one ends; it is read anew for every post.
func Webhook(secretFile string, events Events, log *slog.Logger, now func() time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
		if err != nil {
			http.Error(w, fmt.Sprintf("the event could not be read: want at most %d bytes", maxEvent), http.StatusBadRequest)
			return
		}
		keys, err := secrets(secretFile)
		if err != nil {
			log.ErrorContext(r.Context(), "cannot check a webhook", slog.Any("error", err))
			http.Error(w, "the signing secret is not there: send it again later", http.StatusServiceUnavailable)
			return
		}
		e, err := Parse(body, r.Header.Get("Stripe-Signature"), keys)
		if err != nil {
			log.WarnContext(r.Context(), "a webhook was refused", slog.String("remote", r.RemoteAddr), slog.Any("error", err))
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		e.ReceivedAt = now().UTC()
		fresh, err := events.RecordEvent(r.Context(), e)
		if err != nil {
			log.ErrorContext(r.Context(), "cannot note a webhook", slog.String("event", e.ID), slog.Any("error", err))
			http.Error(w, "the event could not be noted: send it again later", http.StatusServiceUnavailable)
			return
		}
		if !fresh {
			_, _ = io.WriteString(w, "noted before\n")
			return
		}
		_, _ = io.WriteString(w, "noted\n")
	})
}

// Parse checks an event's signature and age, and reads what of it is of use here: what it is about and whom. What has become of that is asked of
// Stripe, never taken from the event.
func Parse(body []byte, signature string, secrets []string) (payment.Event, error) {
	var e stripe.Event
	err := webhook.ErrNoValidSignature
	for _, secret := range secrets {
		options := webhook.ConstructEventOptions{Tolerance: tolerance, IgnoreAPIVersionMismatch: true}
		if e, err = webhook.ConstructEventWithOptions(body, signature, secret, options); err == nil || !errors.Is(err, webhook.ErrNoValidSignature) {
			break
		}
	}
	switch {
	case errors.Is(err, webhook.ErrTooOld):
		return payment.Event{}, fmt.Errorf("the signature is older than %s: is the clock right?", tolerance)
	case errors.Is(err, webhook.ErrNoValidSignature), errors.Is(err, webhook.ErrNotSigned), errors.Is(err, webhook.ErrInvalidHeader):
		return payment.Event{}, fmt.Errorf("the signature is not Stripe's: is the signing secret that of this endpoint?")
	case err != nil:
		return payment.Event{}, fmt.Errorf("the event is no event of Stripe's")
	}
	return read(e)
}

// about is what of an event's object is of use.
type about struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Customer json.RawMessage   `json:"customer"`
	Metadata map[string]string `json:"metadata"`
	Mode     string            `json:"mode"`
}

func read(e stripe.Event) (payment.Event, error) {
	var a about
	if e.Data == nil || json.Unmarshal(e.Data.Raw, &a) != nil {
		return payment.Event{}, fmt.Errorf("the event says nothing of what it is about")
	}
	out := payment.Event{ID: e.ID, Type: string(e.Type), Object: a.ID, Customer: reference(a.Customer), CreatedAt: time.Unix(e.Created, 0).UTC()}
	if a.Object == "customer" {
		out.Customer = a.ID
	}
	if a.Object == "invoice" {
		out.Entry = a.Metadata[metaEntry]
	}
	out.CardEntered = out.Type == "checkout.session.completed" && a.Mode == "setup"
	for _, text := range []string{out.ID, out.Type, out.Object, out.Customer, out.Entry} {
		if len(text) > maxName || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return payment.Event{}, fmt.Errorf("the event has a name that is none: want at most %d characters", maxName)
		}
	}
	if out.ID == "" || out.Type == "" || e.Created < 0 || e.Created > 1<<40 {
		return payment.Event{}, fmt.Errorf("the event has no id, type or time")
	}
	return out, nil
}

// reference is the id of an object that is there by id or as a whole.
func reference(raw json.RawMessage) string {
	var id string
	if json.Unmarshal(raw, &id) == nil {
		return id
	}
	var object struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(raw, &object) // then it is empty
	return object.ID
}
