package clickhouse

import (
	"context"
	"fmt"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
)

// The codecs of events' values: the one of the schema, and the smaller one.
const (
	codecPlain   = "ZSTD(1)"
	codecCompact = "ALP, ZSTD(1)"
)

// checkCompact looks whether the store has the codec of compact values.
func (s *Store) checkCompact(ctx context.Context) error {
	if !s.cfg.CompactValues {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var n uint64
	if err := s.admin.QueryRow(ctx, "select count() from system.codecs where name = 'ALP'").Scan(&n); err != nil {
		return fmt.Errorf("look for the codec ALP: %w", err)
	}
	if n == 0 {
		return fmt.Errorf("codec ALP of compact values: %w: ClickHouse has it from 26.x on; leave compact values off until then", ErrLacks)
	}
	return nil
}

// encode makes new parts of the database's events have the codec that is configured; older parts get it when they are merged.
func (s *Store) encode(ctx context.Context, database string) error {
	want := codecPlain
	if s.cfg.CompactValues {
		want = codecCompact
	}
	var codec string
	const now = "select compression_codec from system.columns where database = ? and table = '" + tableEvents + "' and name = 'values'"
	if err := s.admin.QueryRow(ctx, now, database).Scan(&codec); err != nil {
		return fmt.Errorf("read the codec of %s's values: %w", database, err)
	}
	if codec == "CODEC("+want+")" {
		return nil
	}
	ctx = clickhousego.Context(ctx, clickhousego.WithSettings(clickhousego.Settings{"allow_experimental_codecs": 1}))
	if err := s.admin.Exec(ctx, "alter table "+database+"."+tableEvents+" modify column values Array(Float64) codec("+want+")"); err != nil {
		return fmt.Errorf("set the codec of %s's values to %s: %w", database, want, err)
	}
	return nil
}
