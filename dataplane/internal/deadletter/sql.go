package deadletter

import (
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Filter selects letters; what is not set selects all.
type Filter struct {
	Devices []string
	Reason  string
	Stage   Stage
	State   State
	// Start is included, End is not; zero: no bound.
	Start, End time.Time
}

// letters joins every letter with its newest state. The refusal of a replay has a row of its own, which usage counts and
// nobody sees: its reason stands in the state of the letter that was replayed.
const letters = `(select l.device as device, l.received as received, toUnixTimestamp64Nano(l.received) as at, l.payload as payload,
    length(l.payload) as size, l.protocol as protocol, toString(l.source) as source, l.log_partition as log_partition,
    l.log_sequence as log_sequence, l.log_index as log_index, toString(l.reason) as first_reason,
    if(s.reason = '', toString(l.reason), toString(s.reason)) as reason, if(s.reason = '', l.detail, s.detail) as detail,
    if(s.state = '' or s.state = 'sending', 'open', toString(s.state)) as state, s.state = 'sending' as sending,
    s.refusals as refusals, toUnixTimestamp64Nano(s.at) as changed, s.actor as actor, s.note as note
from dead_letters as l left join (select * from dead_letter_states final) as s
    using (source, log_partition, log_sequence, log_index)
where l.protocol != 'replay')`

const place = "(at, source, log_partition, log_sequence, log_index)"

// where is the condition of a filter.
func (f Filter) where() (string, []any) {
	terms, args := []string{"1"}, []any{}
	add := func(term string, arg any) { terms, args = append(terms, term), append(args, arg) }
	if len(f.Devices) > 0 {
		add("device in (?)", f.Devices)
	}
	if f.Reason != "" {
		add("reason = ?", f.Reason)
	}
	if f.Stage != "" {
		add("source = ?", string(f.Stage))
	}
	if f.State != "" {
		add("state = ?", string(f.State))
	}
	if !f.Start.IsZero() {
		add("received >= fromUnixTimestamp64Nano(?, 'UTC')", f.Start.UnixNano())
	}
	if !f.End.IsZero() {
		add("received < fromUnixTimestamp64Nano(?, 'UTC')", f.End.UnixNano())
	}
	return strings.Join(terms, " and "), args
}

// idsWhere selects letters by id; an id has nothing but digits and one of two words.
func idsWhere(ids []ID) string {
	terms := make([]string, len(ids))
	for i, id := range ids {
		terms[i] = fmt.Sprintf("('%s', %d, %d, %d)", id.Stage, id.Partition, id.Sequence, id.Index)
	}
	return "(source, log_partition, log_sequence, log_index) in (" + strings.Join(terms, ", ") + ")"
}

// cursor is the place behind which a page begins.
type cursor struct {
	at int64
	id ID
}

func (c cursor) String() string { return fmt.Sprintf("%d.%s", c.at, c.id) }

func parseCursor(text string) (cursor, error) {
	var c cursor
	at, id, ok := strings.Cut(text, ".")
	_, err := fmt.Sscanf(at, "%d", &c.at)
	if ok && err == nil {
		c.id, err = ParseID(id)
	}
	if !ok || err != nil {
		return c, fmt.Errorf("page_token %q: send the one of the answer before: %w", text, tenancy.ErrInvalid)
	}
	return c, nil
}

func (c cursor) compare(operator string) string {
	return fmt.Sprintf("%s %s (%d, '%s', %d, %d, %d)", place, operator, c.at, c.id.Stage, c.id.Partition, c.id.Sequence, c.id.Index)
}

const columns = "device, at, reason, detail, first_reason, substring(payload, 1, %d), size, protocol, source, log_partition, log_sequence, log_index, " +
	"state, sending, refusals, changed, actor, note"

// listSQL selects letters in an order, with the first bytes of their payloads.
func listSQL(where, order string, bytes, limit int) string {
	direction := strings.ReplaceAll("at D, source D, log_partition D, log_sequence D, log_index D", "D", order)
	return fmt.Sprintf("select "+columns+" from %s where %s order by %s limit %d", bytes, letters, where, direction, limit)
}

// groupsSQL counts letters by reason, stage and device, and over parts of a range.
func groupsSQL(where string, from, to time.Time, parts, limit int) string {
	width := max((to.UnixNano()-from.UnixNano())/int64(parts), 1)
	return fmt.Sprintf(`select reason, source, device, count(), min(at), max(at), argMax(detail, at),
    arrayMap(i -> countEqual(groupArray(toUInt16(least(greatest(intDiv(at - %d, %d), 0), %d))) as buckets, toUInt16(i)), range(%d))
from %s where %s group by reason, source, device order by count() desc, max(at) desc, reason, source, device limit %d`,
		from.UnixNano(), width, parts-1, parts, letters, where, limit)
}

const keptSQL = "select count(), sum(length(payload)) from dead_letters"
