package clickhouse

import (
	"context"
	"fmt"
)

// Size is how many bytes a tenant's tables take on disk, compressed: of one replica.
type Size struct{ Raw, Minutes, Hours uint64 }

// Sizes returns those of all databases, by their names.
func (s *Store) Sizes(ctx context.Context) (map[string]Size, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	sizes := map[string]Size{}
	err := collect(ctx, s.admin, fmt.Sprintf(`select database, sumIf(bytes_on_disk, table in ('%s', '%s')), sumIf(bytes_on_disk, table = '%s'), sumIf(bytes_on_disk, table = '%s')
from system.parts where active group by database`, tableEvents, tableDeadLetters, tableMinutes, tableHours), nil, func(rows Rows) error {
		var database string
		var size Size
		err := rows.Scan(&database, &size.Raw, &size.Minutes, &size.Hours)
		sizes[database] = size
		return err
	})
	return sizes, err
}
