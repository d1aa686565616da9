package deadletter

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

const (
	// previewBytes is how much of a payload a list shows.
	previewBytes = 4096
	// wholePayload is more than any payload.
	wholePayload = 1 << 30
	// sparklineParts are the parts of a group's sparkline.
	sparklineParts = 24
	// sparklineRange is the range of the sparklines when none is asked for.
	sparklineRange = 24 * time.Hour
)

// stored is a letter as a statement returns it.
type stored struct {
	Letter
	sending bool
}

func (s *Service) read(ctx context.Context, tenant tenancy.ID, text string, args []any) ([]stored, error) {
	var out []stored
	err := s.store.Query(ctx, tenant, text, args, func(row Row) error {
		var l stored
		var at, changed int64
		var payload, stage, state string
		var sending bool
		err := row.Scan(&l.Device, &at, &l.Reason, &l.Detail, &l.FirstReason, &payload, &l.Size, &l.Protocol, &stage,
			&l.ID.Partition, &l.ID.Sequence, &l.ID.Index, &state, &sending, &l.Refusals, &changed, &l.ChangedBy, &l.Note)
		l.ID.Stage, l.State, l.Payload, l.sending = Stage(stage), State(state), []byte(payload), sending
		l.Received = time.Unix(0, at).UTC()
		if changed > 0 {
			l.ChangedAt = time.Unix(0, changed).UTC()
		}
		out = append(out, l)
		return err
	})
	return out, err
}

// List returns a page of letters, newest first, and the token of the next page.
func (s *Service) List(ctx context.Context, tenant tenancy.ID, f Filter, limit int, token string) ([]Letter, string, error) {
	where, args := f.where()
	if token != "" {
		c, err := parseCursor(token)
		if err != nil {
			return nil, "", err
		}
		where += " and " + c.compare("<")
	}
	rows, err := s.read(ctx, tenant, listSQL(where, "desc", previewBytes, limit+1), args)
	if err != nil {
		return nil, "", err
	}
	rows, next := page(rows, limit)
	out := make([]Letter, len(rows))
	for i := range rows {
		out[i] = rows[i].Letter
	}
	return out, next, nil
}

func page(rows []stored, limit int) ([]stored, string) {
	if len(rows) <= limit {
		return rows, ""
	}
	rows = rows[:limit]
	last := rows[limit-1]
	return rows, cursor{last.Received.UnixNano(), last.ID}.String()
}

// Group is the letters of one reason, stage and device.
type Group struct {
	Reason, Device, Detail string
	Stage                  Stage
	Count                  uint64
	First, Last            time.Time
	Sparkline              []uint64
}

// Groups are counted letters, and how much is kept.
type Groups struct {
	Groups         []Group
	Truncated      bool
	Start, End     time.Time
	Letters, Bytes uint64
	Limits         Limits
}

// Groups counts letters, the largest group first.
func (s *Service) Groups(ctx context.Context, tenant tenancy.ID, f Filter, limit int) (Groups, error) {
	out := Groups{Start: f.Start, End: f.End, Limits: s.limits}
	if out.End.IsZero() {
		out.End = s.now()
	}
	if out.Start.IsZero() {
		out.Start = out.End.Add(-sparklineRange)
	}
	where, args := f.where()
	if err := s.store.Query(ctx, tenant, groupsSQL(where, out.Start, out.End, sparklineParts, limit+1), args, func(row Row) error {
		var g Group
		var stage string
		var first, last int64
		err := row.Scan(&g.Reason, &stage, &g.Device, &g.Count, &first, &last, &g.Detail, &g.Sparkline)
		g.Stage, g.First, g.Last = Stage(stage), time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
		out.Groups = append(out.Groups, g)
		return err
	}); err != nil {
		return out, err
	}
	if len(out.Groups) > limit {
		out.Groups, out.Truncated = out.Groups[:limit], true
	}
	err := s.store.Query(ctx, tenant, keptSQL, nil, func(row Row) error { return row.Scan(&out.Letters, &out.Bytes) })
	return out, err
}

// Get returns a letter with its whole payload and what would become of it now, as it is.
func (s *Service) Get(ctx context.Context, tenant tenancy.ID, id ID, sees func(device string) bool) (Letter, Outcome, error) {
	rows, err := s.read(ctx, tenant, listSQL(idsWhere([]ID{id}), "asc", wholePayload, 1), nil)
	if err != nil {
		return Letter{}, Outcome{}, err
	}
	if len(rows) == 0 || !sees(rows[0].Device) {
		return Letter{}, Outcome{}, fmt.Errorf("no dead letter %s: %w", id, tenancy.ErrNotFound)
	}
	return rows[0].Letter, s.outcome(tenant, &rows[0].Letter, Edit{}), nil
}
