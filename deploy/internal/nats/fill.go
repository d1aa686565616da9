package nats

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// unacknowledged is how many entries Fill has under way at once.
const unacknowledged = 4000

// Fill writes many entries into a KV bucket and returns when all are there. each is given what writes one.
func Fill(ctx context.Context, url, bucket string, each func(put func(key string, value []byte) error) error) error {
	conn, err := nats.Connect(url)
	if err != nil {
		return fmt.Errorf("connect to nats: %w", err)
	}
	defer conn.Close()
	var failed atomic.Pointer[error]
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(unacknowledged),
		jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) { failed.CompareAndSwap(nil, &err) }))
	if err != nil {
		return fmt.Errorf("use jetstream: %w", err)
	}
	err = each(func(key string, value []byte) error {
		_, err := js.PublishAsync("$KV."+bucket+"."+key, value)
		return err
	})
	if err != nil {
		return fmt.Errorf("fill bucket %s: %w", bucket, err)
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := failed.Load(); err != nil {
		return fmt.Errorf("fill bucket %s: %w", bucket, *err)
	}
	return nil
}
