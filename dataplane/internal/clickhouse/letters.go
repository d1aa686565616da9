package clickhouse

import (
	"context"
	"fmt"
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

// CountDeadLetters counts a source's stored dead letters, with those that were removed since, by hour, from the hour that since lies in, oldest first.
func (s *Store) CountDeadLetters(ctx context.Context, tenant tenancy.ID, source string, since time.Time) ([]LetterCount, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	var counts []LetterCount
	db := tenant.Database()
	of := " where source = {source:String} and received >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')"
	err := collect(ctx, s.admin, "select toUnixTimestamp(toStartOfHour(received)) as hour, count(), max(log_sequence) from ("+
		"select received, log_sequence from "+db+"."+tableDeadLetters+of+
		" union all select received, log_sequence from "+db+"."+tableLettersGone+" final"+of+" and (log_partition, log_sequence, log_index) not in ("+
		"select log_partition, log_sequence, log_index from "+db+"."+tableDeadLetters+of+")) group by hour order by hour",
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

// InsertLetterStates stores what became of dead letters; a row that is stored twice counts once.
func (s *Store) InsertLetterStates(ctx context.Context, tenant tenancy.ID, rows []LetterState) error {
	if len(rows) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	return s.insert(ctx, tenant, tableLetterStates, "", func(b *block) { b.letterStates(rows) })
}

// KeepLetters is how many dead letters of a tenant are kept, how many bytes of them, and from when on.
type KeepLetters struct {
	Letters, Bytes uint64
	Since          time.Time
}

// spareLetters is what part of a limit is freed beyond need, so that it is not hit again at once.
const spareLetters = 10

// PruneDeadLetters removes what is beyond what is kept: closed letters before open ones, and of those the oldest first.
// Their places are noted before they go, so that whoever counts them again counts the same. It returns how many went.
func (s *Store) PruneDeadLetters(ctx context.Context, tenant tenancy.ID, keep KeepLetters) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, insertTimeout)
	defer cancel()
	db := tenant.Database()
	var letters, bytes, gone uint64
	var oldest time.Time
	if err := s.admin.QueryRow(ctx, "select count(), sum(length(payload)), min(received) from "+db+"."+tableDeadLetters).Scan(&letters, &bytes, &oldest); err != nil {
		return 0, fmt.Errorf("count dead letters of %s: %w", tenant, err)
	}
	if letters <= keep.Letters && bytes <= keep.Bytes && (letters == 0 || !oldest.Before(keep.Since)) {
		return 0, nil
	}
	if letters > keep.Letters {
		keep.Letters -= keep.Letters / spareLetters
	}
	if bytes > keep.Bytes {
		keep.Bytes -= keep.Bytes / spareLetters
	}
	place := "source, log_partition, log_sequence, log_index"
	for _, statement := range []string{
		fmt.Sprintf(`insert into %[1]s.dead_letters_gone (received, %[2]s) select received, %[2]s from (
    select l.received as received, %[2]s, row_number() over w as n, sum(length(l.payload)) over w as b
    from %[1]s.dead_letters as l left join (select * from %[1]s.dead_letter_states final) as s using (%[2]s)
    window w as (order by s.state in ('replayed', 'discarded'), l.received desc, %[2]s rows between unbounded preceding and current row))
where n > %[3]d or b > %[4]d or received < fromUnixTimestamp64Nano(%[5]d, 'UTC')`, db, place, keep.Letters, keep.Bytes, keep.Since.UnixNano()),
		fmt.Sprintf("alter table %[1]s.dead_letters delete where (%[2]s) in (select %[2]s from %[1]s.dead_letters_gone) settings mutations_sync = 1", db, place),
	} {
		if err := s.admin.Exec(ctx, statement); err != nil {
			return 0, fmt.Errorf("remove old dead letters of %s: %w", tenant, err)
		}
	}
	if err := s.admin.QueryRow(ctx, "select count() from "+db+"."+tableDeadLetters).Scan(&gone); err != nil {
		return 0, fmt.Errorf("count dead letters of %s: %w", tenant, err)
	}
	return letters - min(gone, letters), nil
}
