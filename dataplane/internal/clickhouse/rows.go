package clickhouse

import (
	"github.com/millwright-io/millwright/dataplane/internal/engine"
)

const (
	lowCardinality = "LowCardinality(String)"
	nanoseconds    = "DateTime64(9, 'UTC')"
)

// events fills the block with rows of the table events.
func (b *block) events(partition uint16, rows []engine.EventRow) {
	b.begin(13, len(rows))
	b.column("device", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Event.Device })
	b.column("time", nanoseconds)
	for i := range rows {
		b.int64(rows[i].Event.Time)
	}
	b.column("received", nanoseconds)
	for i := range rows {
		b.int64(rows[i].Event.Received)
	}
	b.column("epoch", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Event.Epoch })
	b.column("sequence", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Event.Sequence)
	}
	b.column("message_id", "String")
	for i := range rows {
		b.text(rows[i].Event.MessageID)
	}
	b.column("names", "Array("+lowCardinality+")")
	b.lists(len(rows), func(i int) []string { return rows[i].Event.Names })
	b.values(rows)
	b.column("attributes", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Event.Attributes })
	b.column("size", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Event.Size)
	}
	b.column("log_partition", "UInt16")
	for range rows {
		b.uint16(partition)
	}
	b.column("log_sequence", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Sequence)
	}
	b.column("log_index", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Index)
	}
}

func (b *block) values(rows []engine.EventRow) {
	b.column("values", "Array(Float64)")
	end := uint64(0)
	for i := range rows {
		end += uint64(len(rows[i].Event.Values))
		b.uint64(end)
	}
	for i := range rows {
		for _, v := range rows[i].Event.Values {
			b.float64(v)
		}
	}
}

// windows fills the block with rows of the table minutes.
func (b *block) windows(rows []engine.WindowRow) {
	b.begin(14, len(rows))
	b.column("device", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Device })
	b.column("measurement", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Measurement })
	b.column("start", "DateTime('UTC')")
	for i := range rows {
		b.uint32(uint32(rows[i].Start))
	}
	b.column("segment", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Segment)
	}
	b.column("version", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Version)
	}
	b.column("count", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Summary.Count)
	}
	for _, c := range []struct {
		name string
		of   func(*engine.Summary) float64
	}{
		{"sum", func(s *engine.Summary) float64 { return s.Sum }},
		{"min", func(s *engine.Summary) float64 { return s.Min }},
		{"max", func(s *engine.Summary) float64 { return s.Max }},
		{"squares", func(s *engine.Summary) float64 { return s.Deviation() }},
		{"first", func(s *engine.Summary) float64 { return s.First }},
		{"last", func(s *engine.Summary) float64 { return s.Last }},
	} {
		b.column(c.name, "Float64")
		for i := range rows {
			b.float64(c.of(&rows[i].Summary))
		}
	}
	b.column("first_time", nanoseconds)
	for i := range rows {
		b.int64(rows[i].Summary.FirstTime)
	}
	b.column("last_time", nanoseconds)
	for i := range rows {
		b.int64(rows[i].Summary.LastTime)
	}
}

// DeadLetter is a row of the table dead_letters.
type DeadLetter struct {
	Device   string
	Received int64
	Reason   string
	Detail   string
	Payload  []byte
	Protocol string
	// Sequence and Index are the row's place in the log it comes from.
	Sequence uint64
	Index    uint32
}

// deadLetters fills the block with rows of the table dead_letters.
func (b *block) deadLetters(source string, partition uint16, rows []DeadLetter) {
	b.begin(10, len(rows))
	b.column("device", "String")
	for i := range rows {
		b.text(rows[i].Device)
	}
	b.column("received", nanoseconds)
	for i := range rows {
		b.int64(rows[i].Received)
	}
	b.column("reason", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Reason })
	b.column("detail", "String")
	for i := range rows {
		b.text(rows[i].Detail)
	}
	b.column("payload", "String")
	for i := range rows {
		b.text(string(rows[i].Payload))
	}
	b.column("protocol", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Protocol })
	b.column("source", lowCardinality)
	b.lowCardinality(len(rows), func(int) string { return source })
	b.column("log_partition", "UInt16")
	for range rows {
		b.uint16(partition)
	}
	b.column("log_sequence", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Sequence)
	}
	b.column("log_index", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Index)
	}
}

// LetterState is a row of the table dead_letter_states.
type LetterState struct {
	Source    string
	Partition uint16
	Sequence  uint64
	Index     uint32
	Version   uint64
	State     string
	Refusals  uint32
	Reason    string
	Detail    string
	// At is in Unix nanoseconds.
	At     int64
	Actor  string
	Note   string
	Events uint32
}

// letterStates fills the block with rows of the table dead_letter_states.
func (b *block) letterStates(rows []LetterState) {
	b.begin(13, len(rows))
	b.column("source", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Source })
	b.column("log_partition", "UInt16")
	for i := range rows {
		b.uint16(rows[i].Partition)
	}
	b.column("log_sequence", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Sequence)
	}
	b.column("log_index", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Index)
	}
	b.column("version", "UInt64")
	for i := range rows {
		b.uint64(rows[i].Version)
	}
	b.column("state", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].State })
	b.column("refusals", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Refusals)
	}
	b.column("reason", lowCardinality)
	b.lowCardinality(len(rows), func(i int) string { return rows[i].Reason })
	b.column("detail", "String")
	for i := range rows {
		b.text(rows[i].Detail)
	}
	b.column("at", nanoseconds)
	for i := range rows {
		b.int64(rows[i].At)
	}
	b.column("actor", "String")
	for i := range rows {
		b.text(rows[i].Actor)
	}
	b.column("note", "String")
	for i := range rows {
		b.text(rows[i].Note)
	}
	b.column("events", "UInt32")
	for i := range rows {
		b.uint32(rows[i].Events)
	}
}
