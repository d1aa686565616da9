// Package deadletter shows the messages that a cell refused and puts them right: it lists and groups them, applies edits,
// sends them again the way that new messages go, and keeps what became of each. It knows no vendor: the store runs its
// statements as the tenant's own user. The API and the composition root import it.
package deadletter

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// Stage says who refused a message.
type Stage string

// The stages, as they stand in the rows' source.
const (
	Gateway Stage = "gateway"
	Engine  Stage = "engine"
)

// State says what became of a letter.
type State string

// The states. Sending stands in rows only: the letter is on its way, and open for whoever asks.
const (
	Open      State = "open"
	Sending   State = "sending"
	Replayed  State = "replayed"
	Discarded State = "discarded"
)

// ID is where a letter comes from, and stays the same for good.
type ID struct {
	Stage     Stage
	Partition uint16
	Sequence  uint64
	Index     uint32
}

func (id ID) String() string {
	return fmt.Sprintf("%s-%d-%d-%d", id.Stage, id.Partition, id.Sequence, id.Index)
}

var idForm = regexp.MustCompile(`^(gateway|engine)-([0-9]{1,5})-([0-9]{1,20})-([0-9]{1,10})$`)

// ParseID reads what String wrote.
func ParseID(text string) (ID, error) {
	m := idForm.FindStringSubmatch(text)
	if m == nil {
		return ID{}, fmt.Errorf("dead letter id %q: want one like gateway-0-12-0: %w", text, tenancy.ErrInvalid)
	}
	partition, err1 := strconv.ParseUint(m[2], 10, 16)
	sequence, err2 := strconv.ParseUint(m[3], 10, 64)
	index, err3 := strconv.ParseUint(m[4], 10, 32)
	if err1 != nil || err2 != nil || err3 != nil {
		return ID{}, fmt.Errorf("dead letter id %q: a number is too large: %w", text, tenancy.ErrInvalid)
	}
	return ID{Stage(m[1]), uint16(partition), sequence, uint32(index)}, nil
}

// Letter is a message that was refused, and what became of it.
type Letter struct {
	ID       ID
	Device   string
	Received time.Time
	// Reason and Detail are those of the last try, FirstReason that of the first.
	Reason, Detail, FirstReason string
	// Payload may be the first bytes only; Size is the whole length.
	Payload  []byte
	Size     uint64
	Protocol string
	State    State
	// Refusals is how often the engine refused a replay of it.
	Refusals uint32
	// ChangedAt is zero for a letter that nobody touched.
	ChangedAt       time.Time
	ChangedBy, Note string
}

// closed says whether nothing is to be done with the letter any more.
func (l *Letter) closed() bool { return l.State == Replayed || l.State == Discarded }

// Change is a new state of a letter: a row that replaces the ones before.
type Change struct {
	ID             ID
	State          State
	Refusals       uint32
	Reason, Detail string
	At             time.Time
	Actor, Note    string
	// Events is how many events were sent.
	Events uint32
}

// Version orders the changes of a letter: what the engine says about a try counts more than the note of its sending,
// whichever is written first, and within a try the newest counts.
func (c Change) Version() uint64 {
	return uint64(c.Refusals)<<timeBits | uint64(max(c.At.UnixMicro(), 0))&(1<<timeBits-1)
}

const (
	// timeBits holds microseconds since 1970 until the year 2112.
	timeBits = 52
	// maxRefusals is how often a letter is tried.
	maxRefusals = 1<<(64-timeBits) - 2
)

// Row is one of a result.
type Row interface{ Scan(dest ...any) error }

// Store runs statements in the tenant's database as the tenant's user, and writes changes.
type Store interface {
	Query(ctx context.Context, tenant tenancy.ID, text string, args []any, each func(Row) error) error
	SetStates(ctx context.Context, tenant tenancy.ID, changes []Change) error
}

// Way is the way that new messages go.
type Way interface {
	// Decode reads a payload as the device's, received then; it fails when the device may not send. The result may be kept.
	Decode(tenant tenancy.ID, device string, received int64, payload []byte) (telemetry.Result, error)
	// Send admits the events of some letters and returns when they are durable, an error for each. A limit is an error
	// of the first letter that found no room and of all behind it.
	Send(ctx context.Context, tenant tenancy.ID, letters []Sent) []error
}

// Sent is the events of a letter.
type Sent struct {
	Device string
	Events []telemetry.Event
}

// Limits say how much is kept of a tenant.
type Limits struct {
	Letters uint64
	Bytes   uint64
	Age     time.Duration
}

// DefaultLimits are those that the documentation names.
func DefaultLimits() Limits {
	return Limits{Letters: 100_000, Bytes: 256 << 20, Age: 90 * 24 * time.Hour}
}

// Service is safe for concurrent use.
type Service struct {
	store  Store
	way    Way
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	working map[tenancy.ID]chan struct{}
}

// New returns a service.
func New(store Store, way Way, limits Limits, now func() time.Time) *Service {
	return &Service{store: store, way: way, limits: limits, now: now, working: map[tenancy.ID]chan struct{}{}}
}

// alone lets one replay of a tenant work at a time; the returned function ends it.
func (s *Service) alone(ctx context.Context, tenant tenancy.ID) (func(), error) {
	s.mu.Lock()
	turn := s.working[tenant]
	if turn == nil {
		turn = make(chan struct{}, 1)
		s.working[tenant] = turn
	}
	s.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for another replay of the organisation to end: %w", tenancy.ErrUnavailable)
	}
}

// Replay provenance travels in an event's attributes, where no device can write: beside location, metadata and quality.

// provenance says which letter an event comes from.
type provenance struct {
	Letter string `json:"letter"`
	// Received is when the message first came.
	Received time.Time `json:"received"`
	// Refusals is set for a letter of one event: the try that this is.
	Refusals *uint32 `json:"refusals,omitempty"`
}

const provenanceName = "replay"

// ProtocolReplay marks the row of a replay that the engine refused: usage counts it, nobody sees it.
const ProtocolReplay = "replay"

// Retry returns which letter of one event an event is another try of, and how often it was refused before.
func Retry(e *telemetry.Event) (id ID, refusals uint32, ok bool) {
	if !strings.HasPrefix(e.Attributes, `{"`+provenanceName+`":{`) {
		return ID{}, 0, false
	}
	p, err := readProvenance(e.Attributes)
	if err != nil || p.Refusals == nil {
		return ID{}, 0, false
	}
	id, err = ParseID(p.Letter)
	return id, *p.Refusals, err == nil
}
