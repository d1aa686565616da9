package clickhouse

import (
	"context"

	"github.com/millwright-io/millwright/tenancy"
)

// UsageHour is what was found of a meter of a partition's hour when it was counted again.
type UsageHour struct {
	// Hour is its start in Unix seconds, Noted in Unix milliseconds.
	Hour, Noted              int64
	Partition                uint32
	Meter                    string
	Version, Counted, Stored uint64
}

// NoteUsage keeps what was found; of the same meter, partition and hour the newest counts.
func (s *Store) NoteUsage(ctx context.Context, tenant tenancy.ID, rows []UsageHour) error {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	return s.insert(ctx, tenant, tableUsageHours, "", func(b *block) { b.usageHours(rows) })
}

// usageHours fills the block with rows of the table usage_hours.
func (b *block) usageHours(rows []UsageHour) {
	b.begin(7, len(rows))
	b.column("hour", "DateTime('UTC')")
	for i := range rows {
		b.uint32(uint32(rows[i].Hour)) //nolint:gosec // until 2106
	}
	b.column("partition", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Partition)
	}
	b.column("meter", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Meter })
	for _, column := range []struct {
		name string
		of   func(UsageHour) uint64
	}{
		{"version", func(r UsageHour) uint64 { return r.Version }},
		{"counted", func(r UsageHour) uint64 { return r.Counted }},
		{"stored", func(r UsageHour) uint64 { return r.Stored }},
	} {
		b.column(column.name, "UInt64")
		for i := range rows {
			b.uint64(column.of(rows[i]))
		}
	}
	b.column("noted", "DateTime64(3, 'UTC')")
	for i := range rows {
		b.int64(rows[i].Noted)
	}
}
