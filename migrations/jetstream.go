package migrations

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/proto/subject"
)

// JetStreamOptions say how large and how safe a cell's streams are.
type JetStreamOptions struct {
	// LogMaxBytes is the size of the cell's log. When it is full the gateway's publishes are refused, nothing is dropped.
	LogMaxBytes int64
	// DeadLetterMaxBytes is the size of the stream that holds dead letters until they are in the tenant's store.
	DeadLetterMaxBytes int64
	// Replicas of every stream and bucket: 1 on one server, 3 in a cluster.
	Replicas int
}

const (
	// usageMaxAge is how long totals wait for the ledger; a cell publishes absolute totals, so the newest replaces all.
	usageMaxAge = 30 * 24 * time.Hour
	// limitMaxAge is how long the control plane shows how limits were used.
	limitMaxAge = 8 * 24 * time.Hour
	// frameDuplicates is how long a frame's id is remembered, for the gateway's own retries.
	frameDuplicates = 2 * time.Minute
)

// JetStream creates or updates all that a cell and the control plane use: ControlPlaneJetStream and CellJetStream under
// a user who may do both. It is idempotent and may run at every start.
func JetStream(ctx context.Context, js jetstream.JetStream, cell string, opts JetStreamOptions) error {
	if err := ControlPlaneJetStream(ctx, js, cell, opts.Replicas); err != nil {
		return err
	}
	return CellJetStream(ctx, js, cell, opts)
}

// ControlPlaneJetStream creates or updates what belongs to the control plane: the streams it reads and the cell's
// catalog, which the cell may only read.
func ControlPlaneJetStream(ctx context.Context, js jetstream.JetStream, cell string, replicas int) error {
	for _, stream := range sharedStreams(replicas) {
		if _, err := js.CreateOrUpdateStream(ctx, stream); err != nil {
			return fmt.Errorf("create stream %s: %w", stream.Name, err)
		}
	}
	return bucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: subject.CatalogBucket(cell), Description: "What the control plane says exists.", History: 1, Replicas: replicas,
	})
}

// CellJetStream creates or updates what belongs to the cell: its log, dead letters, commits and checkpoints.
func CellJetStream(ctx context.Context, js jetstream.JetStream, cell string, opts JetStreamOptions) error {
	if opts.LogMaxBytes <= 0 || opts.DeadLetterMaxBytes <= 0 || opts.Replicas <= 0 {
		return errors.New("stream sizes and replicas must be above zero: name LogMaxBytes, DeadLetterMaxBytes and Replicas")
	}
	for _, stream := range cellStreams(cell, opts) {
		if _, err := js.CreateOrUpdateStream(ctx, stream); err != nil {
			return fmt.Errorf("create stream %s: %w", stream.Name, err)
		}
	}
	if err := bucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: subject.CommitBucket(cell), Description: "Where each partition's log was cut into commits.", History: 1, Replicas: opts.Replicas,
	}); err != nil {
		return err
	}
	if err := bucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: subject.OwnerBucket(cell), Description: "Which process works on which partition.", History: 1, Replicas: opts.Replicas,
	}); err != nil {
		return err
	}
	if err := bucket(ctx, js, jetstream.KeyValueConfig{
		Bucket: subject.DayBucket(cell), Description: "What each tenant sent today.", History: 1, Replicas: opts.Replicas, TTL: 48 * time.Hour,
	}); err != nil {
		return err
	}
	checkpoints := jetstream.ObjectStoreConfig{
		Bucket: subject.CheckpointBucket(cell), Description: "Snapshots of the engine's state.", Replicas: opts.Replicas,
	}
	if _, err := js.CreateOrUpdateObjectStore(ctx, checkpoints); err != nil {
		return fmt.Errorf("create object store %s: %w", checkpoints.Bucket, err)
	}
	return nil
}

func bucket(ctx context.Context, js jetstream.JetStream, config jetstream.KeyValueConfig) error {
	if _, err := js.CreateOrUpdateKeyValue(ctx, config); err != nil {
		return fmt.Errorf("create bucket %s: %w", config.Bucket, err)
	}
	return nil
}

func sharedStreams(replicas int) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{{
		Name: subject.UsageStream, Subjects: []string{subject.UsageAll}, Description: "Usage totals for the ledger.",
		Replicas: replicas, MaxBytes: 256 << 20, MaxAge: usageMaxAge, Discard: jetstream.DiscardOld,
	}, {
		Name: subject.ReportStream, Subjects: []string{subject.ReportAll}, Description: "What cells tell the control plane.",
		Replicas: replicas, MaxBytes: 64 << 20, MaxAge: usageMaxAge, Discard: jetstream.DiscardOld,
	}, {
		Name: subject.LimitStream, Subjects: []string{subject.LimitAll}, Description: "How limits were used, minute by minute.",
		Replicas: replicas, MaxBytes: 64 << 20, MaxAge: limitMaxAge, Discard: jetstream.DiscardOld,
	}}
}

func cellStreams(cell string, opts JetStreamOptions) []jetstream.StreamConfig {
	return []jetstream.StreamConfig{{
		Name: subject.IngestStream(cell), Subjects: []string{subject.IngestAll(cell)}, Description: "The cell's log of frames.",
		Replicas: opts.Replicas, MaxBytes: opts.LogMaxBytes, Discard: jetstream.DiscardNew, Duplicates: frameDuplicates,
	}, {
		Name: subject.DeadLetterStream(cell), Subjects: []string{subject.DeadLetterAll(cell)},
		Description: "Messages that could not be understood, until they are in the tenant's store.",
		Replicas:    opts.Replicas, MaxBytes: opts.DeadLetterMaxBytes, Discard: jetstream.DiscardNew, Duplicates: frameDuplicates,
		Retention: jetstream.WorkQueuePolicy,
	}}
}
