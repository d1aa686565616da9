package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/proto/subject"
)

// A checkpoint is sent in messages of checkpointChunk bytes, one every checkpointPause (16 MB/s) when there are several: the log syncs
// each of them, and acknowledgements of events wait for the same disk.
const (
	checkpointChunk = 128 << 10
	checkpointPause = 8 * time.Millisecond
)

// paced reads data chunk by chunk, with a pause before each but the first.
type paced struct {
	stop  <-chan struct{}
	data  []byte
	begun bool
}

func (p *paced) Read(into []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	if p.begun {
		select {
		case <-time.After(checkpointPause):
		case <-p.stop:
			return 0, context.Canceled
		}
	}
	p.begun = true
	n := copy(into, p.data)
	p.data = p.data[n:]
	return n, nil
}

// Objects is the cell's object store: checkpoints of the partitions, and what had to be put aside.
type Objects struct{ store jetstream.ObjectStore }

// OpenObjects finds the cell's object store.
func OpenObjects(ctx context.Context, js jetstream.JetStream, cell string) (*Objects, error) {
	store, err := js.ObjectStore(ctx, subject.CheckpointBucket(cell))
	if err != nil {
		return nil, fmt.Errorf("open checkpoint bucket: %w", err)
	}
	return &Objects{store}, nil
}

// LoadCheckpoint returns a partition's checkpoint of a position, or nil when there is none.
func (o *Objects) LoadCheckpoint(ctx context.Context, partition int, position uint64) ([]byte, error) {
	data, err := o.store.GetBytes(ctx, checkpointName(partition, position))
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		// Earlier versions kept one by the partition alone.
		data, err = o.store.GetBytes(ctx, subject.CommitKey(partition))
	}
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load checkpoint of partition %d: %w", partition, err)
	}
	return data, nil
}

// SaveCheckpoint stores a partition's checkpoint of a position beside the others.
func (o *Objects) SaveCheckpoint(ctx context.Context, partition int, position uint64, data []byte) error {
	meta := jetstream.ObjectMeta{Name: checkpointName(partition, position), Opts: &jetstream.ObjectMetaOptions{ChunkSize: checkpointChunk}}
	if _, err := o.store.Put(ctx, meta, &paced{stop: ctx.Done(), data: data}); err != nil {
		return fmt.Errorf("save checkpoint of partition %d: %w", partition, err)
	}
	return nil
}

// DropCheckpoint forgets a partition's checkpoint of a position, if there is one.
func (o *Objects) DropCheckpoint(ctx context.Context, partition int, position uint64) error {
	err := o.store.Delete(ctx, checkpointName(partition, position))
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		err = o.store.Delete(ctx, subject.CommitKey(partition))
	}
	if err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
		return fmt.Errorf("drop checkpoint of partition %d: %w", partition, err)
	}
	return nil
}

// SweepCheckpoints forgets all checkpoints of a partition below a position. Those above stay, although nothing names them: a
// later owner stores one of the same position, which a deletion that is slow to arrive must not hit.
func (o *Objects) SweepCheckpoints(ctx context.Context, partition int, below uint64) error {
	infos, err := o.store.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list checkpoints of partition %d: %w", partition, err)
	}
	for _, info := range infos {
		text, ok := strings.CutPrefix(info.Name, subject.CommitKey(partition)+"/")
		if !ok {
			continue
		}
		if position, err := strconv.ParseUint(text, 10, 64); err != nil || position >= below {
			continue
		}
		if err := o.store.Delete(ctx, info.Name); err != nil && !errors.Is(err, jetstream.ErrObjectNotFound) {
			return fmt.Errorf("drop checkpoint of partition %d: %w", partition, err)
		}
	}
	return nil
}

func checkpointName(partition int, position uint64) string {
	return fmt.Sprintf("%s/%d", subject.CommitKey(partition), position)
}

// Park puts data aside under a name.
func (o *Objects) Park(ctx context.Context, name string, data []byte) error {
	if _, err := o.store.PutBytes(ctx, parkedPrefix+name, data); err != nil {
		return fmt.Errorf("park %s: %w", name, err)
	}
	return nil
}

// Keep stores data under a name for an operator to look at.
func (o *Objects) Keep(ctx context.Context, name string, data []byte) error {
	if _, err := o.store.PutBytes(ctx, name, data); err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	return nil
}

const parkedPrefix = "parked/"

// Parked lists the names of what was put aside, oldest first.
func (o *Objects) Parked(ctx context.Context) ([]string, error) {
	infos, err := o.store.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list parked objects: %w", err)
	}
	var names []string
	for _, info := range infos {
		if len(info.Name) > len(parkedPrefix) && info.Name[:len(parkedPrefix)] == parkedPrefix {
			names = append(names, info.Name[len(parkedPrefix):])
		}
	}
	return names, nil
}

// LoadParked returns what was put aside under a name.
func (o *Objects) LoadParked(ctx context.Context, name string) ([]byte, error) {
	data, err := o.store.GetBytes(ctx, parkedPrefix+name)
	if err != nil {
		return nil, fmt.Errorf("load parked %s: %w", name, err)
	}
	return data, nil
}

// Unpark forgets it.
func (o *Objects) Unpark(ctx context.Context, name string) error {
	if err := o.store.Delete(ctx, parkedPrefix+name); err != nil {
		return fmt.Errorf("delete parked %s: %w", name, err)
	}
	return nil
}
