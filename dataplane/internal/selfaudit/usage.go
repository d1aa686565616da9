package selfaudit

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
	"github.com/millwright-io/millwright/tenancy"
)

// Note is what was found of a partition's hour.
type Note struct {
	Hour      time.Time
	Partition int
	// Version is that of the total; 0 when there is none.
	Version uint64
	Counts  []Count
	At      time.Time
}

// Count is a meter's total and the number of what is stored.
type Count struct {
	Meter           string
	Counted, Stored uint64
}

// Different reports whether something was counted otherwise than it is stored.
func (n Note) Different() bool {
	return slices.ContainsFunc(n.Counts, func(c Count) bool { return c.Counted != c.Stored })
}

// Notes keeps what was found and tells the ledger.
type Notes interface {
	Note(ctx context.Context, tenant tenancy.ID, notes []Note) error
}

// auditUsage compares the hours that changed and have settled. What could not be compared comes again.
func (a *Auditor) auditUsage(ctx context.Context, tenant tenancy.ID, settled time.Time) error {
	hours := a.deps.Totals.Settled(tenant, settled)
	whole := a.deps.Whole(tenant)
	hours = slices.DeleteFunc(hours, func(hour time.Time) bool { return hour.Before(whole) })
	if len(hours) == 0 {
		return nil
	}
	notes, err := a.compare(ctx, tenant, hours)
	if err == nil && slices.ContainsFunc(notes, Note.Different) && wait(ctx, again) {
		notes, err = a.compare(ctx, tenant, hours)
	}
	if err == nil {
		err = a.deps.Notes.Note(ctx, tenant, notes)
	}
	if err != nil {
		a.deps.Totals.Again(tenant, hours)
		return err
	}
	different := map[int64]bool{}
	for _, n := range notes {
		if n.Different() {
			different[n.Hour.Unix()] = true
			a.complain(ctx, tenant, n)
		}
	}
	a.deps.Observer.Hours(uint64(len(hours)), uint64(len(different)))
	return nil
}

// compare counts the hours again and sets that beside the totals of now, in order of hours and partitions.
func (a *Auditor) compare(ctx context.Context, tenant tenancy.ID, hours []time.Time) (notes []Note, err error) {
	start := a.deps.Now()
	defer func() { a.spent += a.deps.Now().Sub(start) }()
	partitions := slices.Sorted(maps.Keys(a.deps.Totals.Hour(tenant, hours[0])))
	if len(partitions) == 0 {
		return nil, nil
	}
	counts, err := a.deps.Recounter.HourCounts(ctx, tenant, partitions, hours[0], hours[len(hours)-1].Add(time.Hour))
	if err != nil {
		return nil, err
	}
	type place struct {
		hour      int64
		partition int
	}
	stored := make(map[place]query.HourCount, len(counts))
	for _, c := range counts {
		stored[place{c.Start.Unix(), c.Partition}] = c
	}
	for _, hour := range hours {
		counted := a.deps.Totals.Hour(tenant, hour)
		for _, partition := range partitions {
			total, there := counted[partition]
			rows, has := stored[place{hour.Unix(), partition}]
			if !there || (!has && total.Version == 0) {
				continue
			}
			n := Note{Hour: hour, Partition: partition, Version: total.Version, At: a.deps.Now()}
			of := total.Stored()
			n.Counts = []Count{
				{"events", of.Events, rows.Events},
				{"points", of.Points, rows.Points},
				{"bytes", of.Bytes, rows.Bytes},
				{"dead_letters", of.DeadLetters, rows.DeadLetters},
			}
			// An hour that a program began which did not count them has none.
			if of.DeviceHours > 0 || of.Events == 0 {
				n.Counts = append(n.Counts, Count{"device_hours", of.DeviceHours, rows.DeviceHours})
			}
			notes = append(notes, n)
		}
	}
	return notes, nil
}

func (a *Auditor) complain(ctx context.Context, tenant tenancy.ID, n Note) {
	for _, c := range n.Counts {
		if c.Counted != c.Stored {
			a.deps.Log.ErrorContext(ctx, "usage totals differ from stored rows", slog.String("tenant", string(tenant)), slog.Time("hour", n.Hour),
				slog.Int("partition", n.Partition), slog.String("meter", c.Meter), slog.Uint64("counted", c.Counted), slog.Uint64("stored", c.Stored))
		}
	}
}
