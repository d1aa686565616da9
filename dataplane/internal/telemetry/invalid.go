package telemetry

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/millwright-io/millwright/tenancy"
)

// Reason is a stable word for why an event was refused. Dead letters, metrics and refusals carry it.
type Reason string

// The reasons.
const (
	ReasonEmpty              Reason = "empty_payload"
	ReasonTooLarge           Reason = "payload_too_large"
	ReasonInvalidUTF8        Reason = "invalid_utf8"
	ReasonInvalidJSON        Reason = "invalid_json"
	ReasonCutOff             Reason = "cut_off"
	ReasonTooDeep            Reason = "too_deep"
	ReasonWrongType          Reason = "wrong_type"
	ReasonDuplicateField     Reason = "duplicate_field"
	ReasonDeviceMismatch     Reason = "device_mismatch"
	ReasonMissing            Reason = "missing_measurements"
	ReasonNoMeasurements     Reason = "empty_measurements"
	ReasonManyMeasurements   Reason = "too_many_measurements"
	ReasonDuplicate          Reason = "duplicate_measurement"
	ReasonName               Reason = "invalid_measurement_name"
	ReasonNotFinite          Reason = "not_finite"
	ReasonTimestamp          Reason = "invalid_timestamp"
	ReasonTooOld             Reason = "too_old"
	ReasonFuture             Reason = "in_future"
	ReasonMessageID          Reason = "invalid_message_id"
	ReasonSequence           Reason = "invalid_sequence"
	ReasonEpoch              Reason = "invalid_epoch"
	ReasonAttributesTooLarge Reason = "attributes_too_large"
	ReasonOutOfRange         Reason = "out_of_range"
	ReasonUnknownMeasurement Reason = "unknown_measurement"
	ReasonManyInvalid        Reason = "too_many_invalid_events"
)

// Invalid says why one event of a payload was refused. It is a tenancy.ErrInvalid.
type Invalid struct {
	Reason Reason
	// Detail is one sentence: what is wrong, where, and what to do.
	Detail string
	// Index is the event's place in the payload, from 0.
	Index int
	// Payload is the event as it came: a part of the payload that Decode was given.
	Payload []byte
}

func (e *Invalid) Error() string { return fmt.Sprintf("event %d: %s", e.Index, e.Detail) }

// Unwrap makes an Invalid a tenancy.ErrInvalid.
func (e *Invalid) Unwrap() error { return tenancy.ErrInvalid }

// fault is what is wrong with the event that is being read.
type fault struct {
	reason Reason
	detail string
}

func faultf(reason Reason, format string, args ...any) *fault {
	return &fault{reason, fmt.Sprintf(format, args...)}
}

// clip shortens what came from outside for use in a sentence.
func clip(raw []byte) string {
	const most = 40
	s := strings.ToValidUTF8(string(raw[:min(len(raw), most+utf8.UTFMax)]), "?")
	if len(raw) <= most {
		return s
	}
	runes := []rune(s)
	return string(runes[:min(len(runes), most)]) + "…"
}

// span writes a long duration in days.
func span(d time.Duration) string {
	if d >= 48*time.Hour {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	return d.String()
}
