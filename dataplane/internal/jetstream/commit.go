package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	logv1 "github.com/millwright-io/millwright/proto/gen/millwright/log/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// ErrFenced says that another process writes commits of the partition.
var ErrFenced = errors.New("another process works on this partition")

// Commits keeps, a partition, where its log was cut since the last checkpoint. One process writes a partition at a time;
// a second one is found out by the entry's revision.
type Commits struct {
	kv jetstream.KeyValue

	mu        sync.Mutex
	revisions map[int]uint64
}

// OpenCommits finds the cell's commit bucket.
func OpenCommits(ctx context.Context, js jetstream.JetStream, cell string) (*Commits, error) {
	kv, err := js.KeyValue(ctx, subject.CommitBucket(cell))
	if err != nil {
		return nil, fmt.Errorf("open commit bucket: %w", err)
	}
	return &Commits{kv: kv, revisions: map[int]uint64{}}, nil
}

// Load returns the sequence that the last checkpoint covers and the ends recorded since; zeros for a new partition. It
// makes this process the partition's writer.
func (c *Commits) Load(ctx context.Context, partition int) (checkpoint uint64, ends []uint64, err error) {
	entry, err := c.kv.Get(ctx, subject.CommitKey(partition))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		c.note(partition, 0)
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("load commits of partition %d: %w", partition, err)
	}
	var r logv1.CommitRange
	if err := proto.Unmarshal(entry.Value(), &r); err != nil {
		return 0, nil, fmt.Errorf("read commits of partition %d: %w", partition, err)
	}
	c.note(partition, entry.Revision())
	return r.GetCheckpoint(), r.GetEnds(), nil
}

// Save records the ends durably. It fails with ErrFenced when another process saved since.
func (c *Commits) Save(ctx context.Context, partition int, checkpoint uint64, ends []uint64) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(&logv1.CommitRange{Checkpoint: checkpoint, Ends: ends})
	if err != nil {
		return fmt.Errorf("encode commits of partition %d: %w", partition, err)
	}
	revision, err := c.kv.Update(ctx, subject.CommitKey(partition), value, c.revision(partition))
	if err == nil {
		c.note(partition, revision)
		return nil
	}
	if !isWrongRevision(err) {
		return fmt.Errorf("save commits of partition %d: %w", partition, err)
	}
	// An earlier try may have been stored though its answer was lost.
	entry, getErr := c.kv.Get(ctx, subject.CommitKey(partition))
	if getErr == nil && bytes.Equal(entry.Value(), value) {
		c.note(partition, entry.Revision())
		return nil
	}
	if getErr != nil {
		return fmt.Errorf("save commits of partition %d: %w", partition, getErr)
	}
	return fmt.Errorf("save commits of partition %d: %w", partition, ErrFenced)
}

func isWrongRevision(err error) bool {
	api := (*jetstream.APIError)(nil)
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

func (c *Commits) note(partition int, revision uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revisions[partition] = revision
}

func (c *Commits) revision(partition int) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.revisions[partition]
}
