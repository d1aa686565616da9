package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// dayAttempts is how often an addition is tried when other processes add at the same time.
const dayAttempts = 10

// Days keeps what each tenant sent today, over all processes of the cell and their restarts. It is an admission.Days.
type Days struct{ kv jetstream.KeyValue }

// OpenDays opens the cell's bucket.
func OpenDays(ctx context.Context, js jetstream.JetStream, cell string) (*Days, error) {
	kv, err := js.KeyValue(ctx, subject.DayBucket(cell))
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", subject.DayBucket(cell), err)
	}
	return &Days{kv}, nil
}

// Add implements admission.Days by compare-and-set: no addition of another process is lost.
func (d *Days) Add(ctx context.Context, tenant tenancy.ID, date, events int64) (total int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for range dayAttempts {
		var m limitv1.Day
		revision := uint64(0)
		entry, err := d.kv.Get(ctx, string(tenant))
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
		case err != nil:
			return 0, fmt.Errorf("read day of tenant %s: %w", tenant, err)
		default:
			revision = entry.Revision()
			if err := proto.Unmarshal(entry.Value(), &m); err != nil {
				m.Reset() // what nobody can read begins again
			}
		}
		if m.GetDate() > date {
			return 0, nil // it is past: what was left of it counts no more
		}
		if m.GetDate() < date {
			m.Date, m.Events = date, 0
		}
		if events == 0 {
			return m.GetEvents(), nil
		}
		m.Events += events
		data, err := proto.Marshal(&m)
		if err != nil {
			return 0, fmt.Errorf("encode day: %w", err)
		}
		if _, err = d.kv.Update(ctx, string(tenant), data, revision); err == nil {
			return m.GetEvents(), nil
		}
		if apiError := (*jetstream.APIError)(nil); !errors.As(err, &apiError) || apiError.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence {
			return 0, fmt.Errorf("write day of tenant %s: %w", tenant, err)
		}
	}
	return 0, fmt.Errorf("day of tenant %s: others write all the time", tenant)
}
