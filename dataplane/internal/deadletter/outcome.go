package deadletter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Outcome is what a letter's message is after an edit: events, or why there are none.
type Outcome struct {
	ID     ID
	Device string
	// Events carry the ids that they are sent with.
	Events         []telemetry.Event
	Reason, Detail string
	// Offset and Length say where in Payload the error is; a length of 0: nowhere in particular.
	Offset, Length int
	Payload        []byte
}

// The reasons that only a replay knows, beside the gateway's and the engine's own.
const (
	ReasonEdit      = "edit_failed"
	ReasonDevice    = "device_may_not_send"
	ReasonDiscarded = "already_discarded"
	ReasonTries     = "too_many_refusals"
	ReasonNotSent   = "not_sent"
)

// outcome decodes a letter's message after an edit. A message of several events is taken as a whole or not at all.
func (s *Service) outcome(tenant tenancy.ID, l *Letter, e Edit) Outcome {
	o := Outcome{ID: l.ID, Device: l.Device, Payload: l.Payload}
	payload, err := e.Apply(l.Payload)
	if err != nil {
		o.Reason, o.Detail = ReasonEdit, reason(err)
		return o
	}
	o.Payload = payload
	got, err := s.way.Decode(tenant, l.Device, l.Received.UnixNano(), payload)
	if err != nil {
		o.Reason, o.Detail = ReasonDevice, reason(err)
		return o
	}
	if len(got.Invalid) > 0 {
		bad := got.Invalid[0]
		o.Reason, o.Detail = string(bad.Reason), bad.Detail
		if len(got.Invalid)+len(got.Events) > 1 {
			o.Detail = bad.Error()
		}
		o.Offset, o.Length = whereabouts(bad.Detail, payload)
		return o
	}
	o.Events = got.Events
	for i := range o.Events {
		s.identify(&o.Events[i], l, i, len(o.Events))
	}
	return o
}

// reason is an error's text without its kind.
func reason(err error) string {
	text := err.Error()
	for _, kind := range []error{tenancy.ErrInvalid, tenancy.ErrForbidden, tenancy.ErrUnavailable, tenancy.ErrNotFound} {
		if errors.Is(err, kind) {
			text = strings.TrimSuffix(text, ": "+kind.Error())
		}
	}
	return text
}

// identify gives an event of a letter the id that a second replay is recognised by, and notes where it comes from.
//
// The device's own sequence or message id stays, so that the device's own second try and the replay count once. Not so
// when the engine has seen it: it remembers the id of what it refused, so that the replay is known by the letter and the
// number of refusals. Received is the time of the replay, so that usage counts in an hour that is still open; the first
// receipt is in the provenance, and is the event's time when the device sent none.
func (s *Service) identify(e *telemetry.Event, l *Letter, i, n int) {
	if l.ID.Stage == Engine || l.Refusals > 0 || !e.HasSequence && e.MessageID == "" {
		e.Epoch, e.Sequence, e.HasSequence = "", 0, false
		e.MessageID = fmt.Sprintf("letter:%s:%d:%d", l.ID, l.Refusals, i)
	}
	e.Received = s.now().UnixNano()
	p := provenance{Letter: l.ID.String(), Received: l.Received}
	if n == 1 {
		p.Refusals = &l.Refusals
	}
	text, _ := json.Marshal(map[string]provenance{provenanceName: p}) // it holds nothing that does not encode
	note := string(text)
	if rest, ok := strings.CutPrefix(e.Attributes, "{"); ok && rest != "}" {
		note = strings.TrimSuffix(note, "}") + "," + rest
	}
	e.Attributes = note
}

func readProvenance(attributes string) (provenance, error) {
	var found struct {
		Replay provenance `json:"replay"`
	}
	if err := json.Unmarshal([]byte(attributes), &found); err != nil {
		return provenance{}, fmt.Errorf("read attributes: %w", err)
	}
	return found.Replay, nil
}

var (
	atByte = regexp.MustCompile(`\bbyte (\d+)`)
	quoted = regexp.MustCompile(`"([^"]+)"`)
)

// whereabouts finds what a decoder's sentence speaks of: a byte, or a field by name and its value.
func whereabouts(detail string, payload []byte) (offset, length int) {
	if m := atByte.FindStringSubmatch(detail); m != nil {
		if at, err := strconv.Atoi(m[1]); err == nil && len(payload) > 0 {
			return min(at, len(payload)-1), 1
		}
	}
	names := quoted.FindAllStringSubmatch(detail, -1)
	for _, word := range []string{"timestamp", "deviceId", "messageId", "sequence", "epoch"} {
		if strings.HasPrefix(detail, word+" ") {
			names = append([][]string{{"", word}}, names...)
		}
	}
	for _, m := range names {
		name := m[1]
		at := bytes.Index(payload, []byte(`"`+name+`"`))
		if i := strings.LastIndexByte(name, '.'); at < 0 && i >= 0 {
			at = bytes.Index(payload, []byte(`"`+name[i+1:]+`"`))
		}
		if at < 0 {
			continue
		}
		end := at + len(name) + 2
		if rest := bytes.IndexAny(payload[at:], ",}]\n"); rest > 0 {
			end = at + rest
		}
		return at, max(min(end, len(payload))-at, 0)
	}
	return 0, 0
}

// summary says in a line what an edit does, for those who look at a letter later.
func (e Edit) summary() string {
	var parts []string
	if e.Payload != nil {
		parts = append(parts, "payload replaced")
	}
	for _, r := range e.Renames {
		parts = append(parts, r.From+" renamed to "+r.To)
	}
	for _, d := range e.Drops {
		parts = append(parts, d+" dropped")
	}
	for _, s := range e.Scales {
		parts = append(parts, fmt.Sprintf("%s times %g", s.Field, s.Factor))
	}
	if t := e.Timestamp; t != nil {
		field, format := t.Field, string(t.Format)
		if field == "" {
			field = "timestamp"
		}
		if format == "" {
			format = "RFC 3339 or Unix milliseconds"
		}
		part := "time from " + field + " as " + format
		if t.Zone != "" {
			part += " in " + t.Zone
		}
		if t.Shift != 0 {
			part += " shifted by " + t.Shift.Round(time.Second).String()
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return "as it came"
	}
	text := strings.Join(parts, "; ")
	if len(text) > 500 {
		return strings.ToValidUTF8(text[:500], "?") + "…"
	}
	return text
}
