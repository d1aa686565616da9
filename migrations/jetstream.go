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

// DefaultJetStreamOptions are right for one machine.
func DefaultJetStreamOptions() JetStreamOptions {
	return JetStreamOptions{LogMaxBytes: 8 << 30, DeadLetterMaxBytes: 1 << 30, Replicas: 1}
}

const (
	// usageMaxAge is how long totals wait for the ledger; a cell publishes absolute totals, so the newest replaces all.
	usageMaxAge = 30 * 24 * time.Hour
	// frameDuplicates is how long a frame's id is remembered, for the gateway's own retries.
	frameDuplicates = 2 * time.Minute
)

// JetStream creates or updates the streams, buckets and object store of a cell, and those it shares with the control
// plane. It is idempotent and may run at every start of either plane.
func JetStream(ctx context.Context, js jetstream.JetStream, cell string, opts JetStreamOptions) error {
	if opts.LogMaxBytes <= 0 || opts.DeadLetterMaxBytes <= 0 || opts.Replicas <= 0 {
		return errors.New("stream sizes and replicas must be above zero: start from DefaultJetStreamOptions")
	}
	for _, stream := range streams(cell, opts) {
		if _, err := js.CreateOrUpdateStream(ctx, stream); err != nil {
			return fmt.Errorf("create stream %s: %w", stream.Name, err)
		}
	}
	for _, bucket := range []jetstream.KeyValueConfig{
		{Bucket: subject.CatalogBucket(cell), Description: "What the control plane says exists.", History: 1},
		{Bucket: subject.CommitBucket(cell), Description: "Where each partition's log was cut into commits.", History: 1},
	} {
		bucket.Replicas = opts.Replicas
		if _, err := js.CreateOrUpdateKeyValue(ctx, bucket); err != nil {
			return fmt.Errorf("create bucket %s: %w", bucket.Bucket, err)
		}
	}
	checkpoints := jetstream.ObjectStoreConfig{
		Bucket: subject.CheckpointBucket(cell), Description: "Snapshots of the engine's state.", Replicas: opts.Replicas,
	}
	if _, err := js.CreateOrUpdateObjectStore(ctx, checkpoints); err != nil {
		return fmt.Errorf("create object store %s: %w", checkpoints.Bucket, err)
	}
	return nil
}

// SharedJetStream creates or updates only what the control plane reads: the usage and report streams. JetStream does
// so too.
func SharedJetStream(ctx context.Context, js jetstream.JetStream, replicas int) error {
	for _, stream := range sharedStreams(replicas) {
		if _, err := js.CreateOrUpdateStream(ctx, stream); err != nil {
			return fmt.Errorf("create stream %s: %w", stream.Name, err)
		}
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
	}}
}

func streams(cell string, opts JetStreamOptions) []jetstream.StreamConfig {
	return append(sharedStreams(opts.Replicas), jetstream.StreamConfig{
		Name: subject.IngestStream(cell), Subjects: []string{subject.IngestAll(cell)}, Description: "The cell's log of frames.",
		Replicas: opts.Replicas, MaxBytes: opts.LogMaxBytes, Discard: jetstream.DiscardNew, Duplicates: frameDuplicates,
	}, jetstream.StreamConfig{
		Name: subject.DeadLetterStream(cell), Subjects: []string{subject.DeadLetterAll(cell)},
		Description: "Messages that could not be understood, until they are in the tenant's store.",
		Replicas:    opts.Replicas, MaxBytes: opts.DeadLetterMaxBytes, Discard: jetstream.DiscardNew, Duplicates: frameDuplicates,
		Retention: jetstream.WorkQueuePolicy,
	})
}
