package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/ownership"
	processv1 "github.com/millwright-io/millwright/proto/gen/millwright/process/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// Owners is where the processes of a cell meet: a bucket with an entry a process and one a partition. It is an
// ownership.Registry.
type Owners struct {
	kv  jetstream.KeyValue
	log *slog.Logger
}

// OpenOwners finds the cell's bucket of owners.
func OpenOwners(ctx context.Context, js jetstream.JetStream, cell string, log *slog.Logger) (*Owners, error) {
	kv, err := js.KeyValue(ctx, subject.OwnerBucket(cell))
	if err != nil {
		return nil, fmt.Errorf("open owner bucket: %w", err)
	}
	return &Owners{kv, log}, nil
}

// Say implements ownership.Registry.
func (o *Owners) Say(ctx context.Context, m ownership.Member) error {
	data, err := proto.Marshal(&processv1.Member{
		Process: m.Process, StartedAt: timestamppb.New(m.Started), Place: m.Place, Works: m.Works,
		EventsPerSecond: m.EventsPerSecond, LagSeconds: m.Lag.Seconds(),
	})
	if err != nil {
		return fmt.Errorf("encode member: %w", err)
	}
	if _, err := o.kv.Put(ctx, subject.MemberProcessKey(m.Process), data); err != nil {
		return fmt.Errorf("write member %s: %w", m.Process, err)
	}
	return nil
}

// Leave implements ownership.Registry.
func (o *Owners) Leave(ctx context.Context, process string) error {
	if err := o.kv.Delete(ctx, subject.MemberProcessKey(process)); err != nil {
		return fmt.Errorf("delete member %s: %w", process, err)
	}
	return nil
}

// Take implements ownership.Registry.
func (o *Owners) Take(ctx context.Context, partition int, process string, revision uint64) (uint64, error) {
	data, err := proto.Marshal(&processv1.Owner{Process: process})
	if err != nil {
		return 0, fmt.Errorf("encode owner: %w", err)
	}
	revision, err = o.kv.Update(ctx, subject.CommitKey(partition), data, revision)
	if err == nil {
		return revision, nil
	}
	if isWrongRevision(err) {
		err = ownership.ErrTaken
	}
	return 0, fmt.Errorf("take partition %d: %w", partition, err)
}

// Watch implements ownership.Registry. After a loss of the connection it tells everything again.
func (o *Owners) Watch(ctx context.Context, tell func(ownership.Change)) error {
	for {
		err := o.watch(ctx, tell)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		o.log.WarnContext(ctx, "owners of partitions not watched, trying again", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(reconnectWait):
		}
	}
}

func (o *Owners) watch(ctx context.Context, tell func(ownership.Change)) error {
	watcher, err := o.kv.WatchAll(ctx)
	if err != nil {
		return fmt.Errorf("watch owner bucket: %w", err)
	}
	defer func() { _ = watcher.Stop() }() // the connection's end does it too
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case entry, ok := <-watcher.Updates():
			if !ok {
				return errors.New("the watch ended")
			}
			if entry == nil {
				tell(ownership.Change{Known: true})
				continue
			}
			c, err := changeOf(entry)
			if err != nil {
				o.log.WarnContext(ctx, "entry of the owner bucket not understood", slog.String("key", entry.Key()), slog.Any("error", err))
				continue
			}
			tell(c)
		}
	}
}

func changeOf(entry jetstream.KeyValueEntry) (ownership.Change, error) {
	c := ownership.Change{Revision: entry.Revision()}
	if process, ok := strings.CutPrefix(entry.Key(), subject.MemberProcessKey("")); ok {
		c.Member, c.At = &ownership.Member{Process: process}, entry.Created()
		if c.Left = entry.Operation() != jetstream.KeyValuePut; c.Left {
			return c, nil
		}
		var m processv1.Member
		if err := proto.Unmarshal(entry.Value(), &m); err != nil {
			return c, err
		}
		*c.Member = ownership.Member{Process: process, Started: m.GetStartedAt().AsTime(), Place: m.GetPlace(), Works: m.GetWorks(), Load: ownership.Load{
			EventsPerSecond: m.GetEventsPerSecond(), Lag: time.Duration(m.GetLagSeconds() * float64(time.Second)),
		}}
		return c, nil
	}
	number, _ := strings.CutPrefix(entry.Key(), strings.TrimSuffix(subject.CommitKey(0), "0"))
	var err error
	if c.Partition, err = strconv.Atoi(number); err != nil {
		return c, err
	}
	var m processv1.Owner
	if err := proto.Unmarshal(entry.Value(), &m); err != nil {
		return c, err
	}
	c.Owner = m.GetProcess()
	return c, nil
}
