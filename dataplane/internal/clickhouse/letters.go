package clickhouse

import (
	"context"
	"time"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/millwright-io/millwright/tenancy"
)

// LetterCount is how many dead letters of one UTC hour by receive time are stored, and the highest place of theirs.
type LetterCount struct {
	// Hour is its start in Unix seconds.
	Hour     int64
	Count    uint64
	Sequence uint64
}

// CountDeadLetters counts a source's stored dead letters by hour, from the hour that since lies in, oldest first.
func (s *Store) CountDeadLetters(ctx context.Context, tenant tenancy.ID, source string, since time.Time) ([]LetterCount, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var counts []LetterCount
	err := collect(ctx, s.admin, "select toUnixTimestamp(toStartOfHour(received)) as hour, count(), max(log_sequence) from "+
		tenant.Database()+"."+tableDeadLetters+" where source = {source:String} and received >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')"+
		" group by hour order by hour",
		[]any{clickhousego.Named("source", source), clickhousego.Named("since", since.Truncate(time.Hour).UnixNano())}, func(rows Rows) error {
			var c LetterCount
			var hour uint32
			err := rows.Scan(&hour, &c.Count, &c.Sequence)
			c.Hour = int64(hour)
			counts = append(counts, c)
			return err
		})
	return counts, err
}
