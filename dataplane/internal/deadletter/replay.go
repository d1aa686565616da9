package deadletter

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Selection is some letters by id, or every open one that a filter selects.
type Selection struct {
	IDs    []ID
	Filter Filter
	// Sees says whether the caller may see a device's letters: IDs of others are not found. The caller narrows a filter.
	Sees func(device string) bool
}

// Work is one call's part of a replay.
type Work struct {
	Selection Selection
	Edit      Edit
	Actor     string
	Limit     int
	Token     string
}

// Done says what became of a call's letters.
type Done struct {
	Replayed, Already, Refused, Events int
	Refusals                           []Outcome
	Next                               string
}

// maxRefusalsShown is how many refusals an answer lists.
const maxRefusalsShown = 20

// selected returns a page of the selected letters, the oldest first. By id they come whatever their state.
func (s *Service) selected(ctx context.Context, tenant tenancy.ID, sel Selection, bytes, limit int, token string) ([]stored, string, error) {
	where, args := "", []any(nil)
	if len(sel.IDs) > 0 {
		where, limit = idsWhere(sel.IDs), len(sel.IDs)
	} else {
		f := sel.Filter
		if f.State != "" && f.State != Open {
			return nil, "", fmt.Errorf("filter.state: only open letters can be worked on by filter: leave it out: %w", tenancy.ErrInvalid)
		}
		f.State = Open
		if f.End.IsZero() {
			f.End = s.now() // what comes meanwhile is another matter
		}
		where, args = f.where()
	}
	if token != "" {
		c, err := parseCursor(token)
		if err != nil {
			return nil, "", err
		}
		where += " and " + c.compare(">")
	}
	rows, err := s.read(ctx, tenant, listSQL(where, "asc", bytes, limit+1), args)
	if err != nil {
		return nil, "", err
	}
	found := map[ID]bool{}
	for _, l := range rows {
		found[l.ID] = sel.Sees(l.Device)
	}
	for _, id := range sel.IDs {
		if !found[id] {
			return nil, "", fmt.Errorf("no dead letter %s: %w", id, tenancy.ErrNotFound)
		}
	}
	rows, next := page(rows, limit)
	return rows, next, nil
}

func (w *Work) validate() error {
	if w.Edit.Payload != nil && len(w.Selection.IDs) != 1 {
		return fmt.Errorf("edit.payload takes the place of one message: select one letter by id: %w", tenancy.ErrInvalid)
	}
	return w.Edit.Validate()
}

// Preview says what the first letters of a selection would become, and how many are selected. It changes nothing.
func (s *Service) Preview(ctx context.Context, tenant tenancy.ID, w Work) ([]Outcome, uint64, error) {
	if err := w.validate(); err != nil {
		return nil, 0, err
	}
	rows, _, err := s.selected(ctx, tenant, w.Selection, wholePayload, w.Limit, "")
	if err != nil {
		return nil, 0, err
	}
	out := make([]Outcome, len(rows))
	for i := range rows {
		out[i] = s.outcome(tenant, &rows[i].Letter, w.Edit)
	}
	if len(w.Selection.IDs) > 0 {
		return out, uint64(len(w.Selection.IDs)), nil
	}
	f := w.Selection.Filter
	f.State = Open
	where, args := f.where()
	var count uint64
	err = s.store.Query(ctx, tenant, "select count() from "+letters+" where "+where, args, func(row Row) error { return row.Scan(&count) })
	return out, count, err
}

// Replay works on the first letters of a selection behind the token.
//
// A letter is marked as sending before its events go out and as replayed when they are durable. One that was left in
// between by a crash is looked for in the store before it is sent again, and the engine knows its id besides.
func (s *Service) Replay(ctx context.Context, tenant tenancy.ID, w Work) (Done, error) {
	if err := w.validate(); err != nil {
		return Done{}, err
	}
	end, err := s.alone(ctx, tenant)
	if err != nil {
		return Done{}, err
	}
	defer end()
	rows, next, err := s.selected(ctx, tenant, w.Selection, wholePayload, w.Limit, w.Token)
	if err != nil {
		return Done{}, err
	}
	b := &round{Service: s, tenant: tenant, work: w, note: w.Edit.summary()}
	b.done.Next = next
	if err := b.sort(ctx, rows); err != nil {
		return Done{}, err
	}
	err = b.send(ctx)
	return b.done, err
}

// round is one call's work.
type round struct {
	*Service
	tenant tenancy.ID
	work   Work
	note   string
	// changes are written at the end; letters and outcomes are to be sent.
	changes  []Change
	letters  []*stored
	outcomes []Outcome
	done     Done
}

func (b *round) change(l *stored, state State, reason, detail string, events int) Change {
	return Change{
		ID: l.ID, State: state, Refusals: l.Refusals, Reason: reason, Detail: detail, At: b.now(), Actor: b.work.Actor, Note: b.note, Events: uint32(events), //nolint:gosec // bounded by a payload
	}
}

func (b *round) refuse(l *stored, o Outcome) {
	b.done.Refused++
	if len(b.done.Refusals) < maxRefusalsShown {
		b.done.Refusals = append(b.done.Refusals, o)
	}
	switch o.Reason {
	case ReasonDiscarded, ReasonTries, ReasonNotSent, ReasonEdit, ReasonDevice: // the message is what it was
	default:
		b.changes = append(b.changes, b.change(l, Open, o.Reason, o.Detail, 0))
	}
}

// sort decides what is sent.
func (b *round) sort(ctx context.Context, rows []stored) error {
	stuck, err := b.sent(ctx, rows)
	if err != nil {
		return err
	}
	for i := range rows {
		l := &rows[i]
		switch {
		case l.State == Replayed:
			b.done.Already++
		case stuck[l.ID]:
			b.done.Already++
			b.changes = append(b.changes, b.change(l, Replayed, "", "", 0))
		case l.State == Discarded:
			b.refuse(l, Outcome{ID: l.ID, Device: l.Device, Reason: ReasonDiscarded, Detail: "the letter was discarded"})
		case l.Refusals > maxRefusals:
			b.refuse(l, Outcome{ID: l.ID, Device: l.Device, Reason: ReasonTries, Detail: "the engine refused it too often"})
		default:
			o := b.outcome(b.tenant, &l.Letter, b.work.Edit)
			if len(o.Events) == 0 {
				b.refuse(l, o)
				continue
			}
			b.letters, b.outcomes = append(b.letters, l), append(b.outcomes, o)
		}
	}
	return nil
}

// sent looks for the events of letters that an earlier call left on their way.
func (b *round) sent(ctx context.Context, rows []stored) (map[ID]bool, error) {
	var devices []string
	byMark := map[string]ID{}
	for _, l := range rows {
		if l.sending {
			devices = append(devices, l.Device)
			byMark[fmt.Sprintf(`"letter":%q`, l.ID)] = l.ID
		}
	}
	found := map[ID]bool{}
	if len(devices) == 0 {
		return found, nil
	}
	err := b.store.Query(ctx, b.tenant, `select distinct toString(attributes) from events where device in (?) and startsWith(attributes, '{"replay":')`,
		[]any{devices}, func(row Row) error {
			var attributes string
			err := row.Scan(&attributes)
			for mark, id := range byMark {
				if strings.Contains(attributes, mark) {
					found[id] = true
				}
			}
			return err
		})
	return found, err
}

// send sends what was sorted out and writes what became of every letter.
func (b *round) send(ctx context.Context) error {
	marks := make([]Change, len(b.letters))
	batch := make([]Sent, len(b.letters))
	for i, l := range b.letters {
		marks[i] = b.change(l, Sending, "", "", len(b.outcomes[i].Events))
		batch[i] = Sent{l.Device, b.outcomes[i].Events}
	}
	if err := b.store.SetStates(ctx, b.tenant, marks); err != nil {
		return err
	}
	// From here on the work is brought to its end, whoever waits for it.
	ctx = context.WithoutCancel(ctx)
	var limit *tenancy.LimitError
	for i, err := range b.way.Send(ctx, b.tenant, batch) {
		l, o := b.letters[i], b.outcomes[i]
		switch {
		case err == nil:
			b.done.Replayed++
			b.done.Events += len(o.Events)
			b.changes = append(b.changes, b.change(l, Replayed, "", "", len(o.Events)))
		case errors.As(err, &limit) && i > 0:
			// The rate is used up: go on behind the last letter that had room.
			last := b.letters[i-1]
			b.done.Next = cursor{last.Received.UnixNano(), last.ID}.String()
			return b.store.SetStates(ctx, b.tenant, b.changes)
		case errors.As(err, &limit):
			return errors.Join(err, b.store.SetStates(ctx, b.tenant, b.changes))
		default:
			o.Events, o.Reason, o.Detail = nil, ReasonNotSent, reason(err)
			b.refuse(l, o)
		}
	}
	return b.store.SetStates(ctx, b.tenant, b.changes)
}

// Discard closes the first letters of a selection behind the token. Those that are closed already stay as they are.
func (s *Service) Discard(ctx context.Context, tenant tenancy.ID, w Work, why string) (int, string, error) {
	end, err := s.alone(ctx, tenant)
	if err != nil {
		return 0, "", err
	}
	defer end()
	rows, next, err := s.selected(ctx, tenant, w.Selection, 0, w.Limit, w.Token)
	if err != nil {
		return 0, "", err
	}
	var changes []Change
	for _, l := range rows {
		if !l.closed() {
			changes = append(changes, Change{ID: l.ID, State: Discarded, Refusals: l.Refusals, At: s.now(), Actor: w.Actor, Note: why})
		}
	}
	return len(changes), next, s.store.SetStates(ctx, tenant, changes)
}

// Own copies events out of a decoder's memory.
func Own(got telemetry.Result) telemetry.Result {
	out := telemetry.Result{Invalid: got.Invalid}
	for _, e := range got.Events {
		e.Values = append([]float64(nil), e.Values...)
		out.Events = append(out.Events, e)
	}
	return out
}
