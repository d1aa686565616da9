package simulation

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

const cellName = "sim"

// broker is what a JetStream server keeps.
type broker struct {
	world *world
	// messages are all that ever were in the log; those before first are trimmed.
	messages []message
	first    uint64
	// ids are those of the messages of each log, which the server takes once.
	ids map[string]uint64
	// grown are closed when a partition's log has grown.
	grown    [partitions]chan struct{}
	kept     map[string]version
	revision uint64
	objects  map[string][]byte
	ledger   map[entry]total
}

type message struct {
	sequence  uint64
	partition int
	time      time.Time
	data      []byte
}

type version struct {
	value    []byte
	revision uint64
}

// entry is one figure of the ledger.
type entry struct {
	tenant    string
	partition uint32
	hour      int64
	meter     string
}

type total struct{ value, version uint64 }

func newBroker(w *world) *broker {
	b := &broker{world: w, first: 1, ids: map[string]uint64{}, kept: map[string]version{}, objects: map[string][]byte{}, ledger: map[entry]total{}}
	for i := range b.grown {
		b.grown[i] = make(chan struct{})
	}
	return b
}

// connection is a process's JetStream. What it does not have is not used.
type connection struct {
	jetstream.JetStream
	*broker
	process *process
}

func (c *connection) call(ctx context.Context, site string, effect func(effect) error) error {
	return c.world.call(ctx, c.process, request{site, c.world.log, 100 * time.Microsecond, 4 * time.Millisecond, effect})
}

func apiError(code jetstream.ErrorCode) error { return &jetstream.APIError{ErrorCode: code, Code: 503} }

const codeStoreFailed = 10077

func (c *connection) PublishMsg(ctx context.Context, m *nats.Msg, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	partition := 0
	if _, err := fmt.Sscanf(m.Subject, strings.Replace(subject.Ingest(cellName, 0), "0", "%d", 1), &partition); err != nil {
		return nil, fmt.Errorf("subject %s: %w", m.Subject, err)
	}
	data, id := append([]byte(nil), m.Data...), m.Header.Get(jetstream.MsgIDHeader)
	ack := &jetstream.PubAck{}
	err := c.call(ctx, fmt.Sprintf("append:%d", partition), func(what effect) error {
		if what == full || time.Now().Before(c.world.log.full) {
			return apiError(codeStoreFailed)
		}
		if c.ids[id] != 0 {
			ack.Sequence = c.ids[id]
			return nil
		}
		ack.Sequence = uint64(len(c.messages) + 1)
		c.ids[id] = ack.Sequence
		c.messages = append(c.messages, message{ack.Sequence, partition, time.Now().Add(c.world.logSkew), data})
		close(c.grown[partition])
		c.grown[partition] = make(chan struct{})
		return nil
	})
	return ack, err
}

// Publish takes usage totals.
func (c *connection) Publish(ctx context.Context, _ string, data []byte, _ ...jetstream.PublishOpt) (*jetstream.PubAck, error) {
	var m usagev1.Totals
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, err
	}
	return nil, c.call(ctx, fmt.Sprintf("usage:%d", m.GetTotals()[0].GetPartition()), func(effect) error {
		for _, t := range m.GetTotals() {
			k := entry{t.GetTenantId(), t.GetPartition(), t.GetHour().GetSeconds(), t.GetMeter()}
			if c.ledger[k].version <= t.GetVersion() {
				c.ledger[k] = total{t.GetValue(), t.GetVersion()}
			}
		}
		return nil
	})
}

type stream struct {
	jetstream.Stream
	c *connection
}

func (c *connection) Stream(context.Context, string) (jetstream.Stream, error) {
	return stream{c: c}, nil
}

func (s stream) CachedInfo() *jetstream.StreamInfo {
	return &jetstream.StreamInfo{Created: time.Unix(946684800, 0)}
}

func (s stream) Purge(ctx context.Context, opts ...jetstream.StreamPurgeOpt) error {
	var req jetstream.StreamPurgeRequest
	for _, o := range opts {
		if err := o(&req); err != nil {
			return err
		}
	}
	return s.c.call(ctx, "trim", func(effect) error {
		s.c.first = max(s.c.first, req.Sequence)
		return nil
	})
}

// bucket is the key-value bucket of commit ranges.
type bucket struct {
	jetstream.KeyValue
	c *connection
}

func (c *connection) KeyValue(context.Context, string) (jetstream.KeyValue, error) {
	return bucket{c: c}, nil
}

type kvEntry struct {
	jetstream.KeyValueEntry
	version
}

func (e kvEntry) Value() []byte    { return e.value }
func (e kvEntry) Revision() uint64 { return e.revision }

func (b bucket) Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error) {
	var found kvEntry
	err := b.c.call(ctx, "load:"+strings.TrimPrefix(key, "partition."), func(effect) error {
		v, ok := b.c.kept[key]
		if !ok {
			return jetstream.ErrKeyNotFound
		}
		found = kvEntry{version: v}
		return nil
	})
	return found, err
}

func (b bucket) Update(ctx context.Context, key string, value []byte, last uint64) (uint64, error) {
	revision := uint64(0)
	err := b.c.call(ctx, "record:"+strings.TrimPrefix(key, "partition."), func(effect) error {
		if b.c.kept[key].revision != last {
			return &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence, Code: 400}
		}
		b.c.revision++
		revision = b.c.revision
		b.c.kept[key] = version{append([]byte(nil), value...), revision}
		return nil
	})
	return revision, err
}
