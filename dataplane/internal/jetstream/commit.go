package jetstream

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/commit"
	logv1 "github.com/millwright-io/millwright/proto/gen/millwright/log/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// Commits keeps, a partition, where its log was cut since the last checkpoint. One process writes a partition at a time;
// a second one is found out by the entry's revision.
type Commits struct {
	kv jetstream.KeyValue

	mu     sync.Mutex
	claims map[int]claim
}

// claim is this process's right to a partition's entry: its name, and the revision that nobody else wrote since.
type claim struct {
	writer   string
	revision uint64
}

// OpenCommits finds the cell's commit bucket.
func OpenCommits(ctx context.Context, js jetstream.JetStream, cell string) (*Commits, error) {
	kv, err := js.KeyValue(ctx, subject.CommitBucket(cell))
	if err != nil {
		return nil, fmt.Errorf("open commit bucket: %w", err)
	}
	return &Commits{kv: kv, claims: map[int]claim{}}, nil
}

// Keep refuses a number of partitions that is not the one the cell began with: a device's place in the log would change, and with
// it what is known of it.
func (c *Commits) Keep(ctx context.Context, partitions int) error {
	_, err := c.kv.Create(ctx, subject.PartitionsKey, fmt.Append(nil, partitions))
	if err == nil {
		return nil
	}
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return fmt.Errorf("note the number of partitions: %w", err)
	}
	entry, err := c.kv.Get(ctx, subject.PartitionsKey)
	if err != nil {
		return fmt.Errorf("look up the number of partitions: %w", err)
	}
	if string(entry.Value()) != fmt.Sprint(partitions) {
		return fmt.Errorf("the cell's log has %s partitions, not %d: start every process with --partitions %[1]s", entry.Value(), partitions)
	}
	return nil
}

// Load returns the sequence of the checkpoint that counts and the ends recorded since; zeros for a new partition. It makes
// this process the partition's writer by writing the entry again: whoever was it before cannot save any more.
func (c *Commits) Load(ctx context.Context, partition int) (checkpoint uint64, ends []uint64, err error) {
	for {
		r, err := c.claim(ctx, partition)
		if err == nil {
			return r.GetCheckpoint(), r.GetEnds(), nil
		}
		if !isWrongRevision(err) || ctx.Err() != nil {
			return 0, nil, fmt.Errorf("load commits of partition %d: %w", partition, err)
		}
		// Somebody saved in between: what is there now counts.
	}
}

func (c *Commits) claim(ctx context.Context, partition int) (*logv1.CommitRange, error) {
	var r logv1.CommitRange
	revision := uint64(0)
	entry, err := c.kv.Get(ctx, subject.CommitKey(partition))
	switch {
	case err == nil:
		if err := proto.Unmarshal(entry.Value(), &r); err != nil {
			return nil, err
		}
		revision = entry.Revision()
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return nil, err
	}
	r.Writer = rand.Text()
	value, err := encode(&r)
	if err != nil {
		return nil, err
	}
	if revision, err = c.kv.Update(ctx, subject.CommitKey(partition), value, revision); err != nil {
		return nil, err
	}
	c.note(partition, claim{r.GetWriter(), revision})
	return &r, nil
}

// Lowest returns the lowest checkpoint that counts, over so many partitions; 0 while one has none.
func (c *Commits) Lowest(ctx context.Context, partitions int) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	lowest := uint64(math.MaxUint64)
	for partition := range partitions {
		entry, err := c.kv.Get(ctx, subject.CommitKey(partition))
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("look at commits of partition %d: %w", partition, err)
		}
		var r logv1.CommitRange
		if err := proto.Unmarshal(entry.Value(), &r); err != nil {
			return 0, fmt.Errorf("read commits of partition %d: %w", partition, err)
		}
		lowest = min(lowest, r.GetCheckpoint())
	}
	return lowest, nil
}

// Save records the ends durably. It fails with commit.ErrFenced when another process saved since.
func (c *Commits) Save(ctx context.Context, partition int, checkpoint uint64, ends []uint64) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	mine := c.mine(partition)
	value, err := encode(&logv1.CommitRange{Checkpoint: checkpoint, Ends: ends, Writer: mine.writer})
	if err != nil {
		return fmt.Errorf("encode commits of partition %d: %w", partition, err)
	}
	mine.revision, err = c.kv.Update(ctx, subject.CommitKey(partition), value, mine.revision)
	if err == nil {
		c.note(partition, mine)
		return nil
	}
	if !isWrongRevision(err) {
		return fmt.Errorf("save commits of partition %d: %w", partition, err)
	}
	// An earlier try may have been stored though its answer was lost.
	entry, getErr := c.kv.Get(ctx, subject.CommitKey(partition))
	if getErr == nil && bytes.Equal(entry.Value(), value) {
		c.note(partition, claim{mine.writer, entry.Revision()})
		return nil
	}
	if getErr != nil {
		return fmt.Errorf("save commits of partition %d: %w", partition, getErr)
	}
	return fmt.Errorf("save commits of partition %d: %w", partition, commit.ErrFenced)
}

func isWrongRevision(err error) bool {
	api := (*jetstream.APIError)(nil)
	return errors.Is(err, jetstream.ErrKeyExists) ||
		errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence
}

func encode(r *logv1.CommitRange) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(r)
}

func (c *Commits) note(partition int, mine claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims[partition] = mine
}

func (c *Commits) mine(partition int) claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.claims[partition]
}
