package nats_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/billing/collect"
	"github.com/millwright-io/millwright/billing/nats"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/natstest"
	"github.com/millwright-io/millwright/proto/subject"
)

// taker counts what it was given, and answers as it is told.
type taker struct {
	mu     sync.Mutex
	taken  map[string]int
	answer func(text string, time int) error
	moved  chan struct{}
}

func newTaker(answer func(text string, time int) error) *taker {
	return &taker{taken: map[string]int{}, answer: answer, moved: make(chan struct{}, 100)}
}

func (k *taker) Take(_ context.Context, cell string, data []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := cell + ":" + string(data)
	k.taken[text]++
	select {
	case k.moved <- struct{}{}:
	default:
	}
	return k.answer(text, k.taken[text])
}

func (k *taker) count(text string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.taken[text]
}

func (k *taker) await(t *testing.T, text string, n int) {
	t.Helper()
	deadline := time.After(40 * time.Second)
	for k.count(text) < n {
		select {
		case <-k.moved:
		case <-deadline:
			t.Fatalf("%s was taken %d times, want %d", text, k.count(text), n)
		}
	}
}

func consume(t *testing.T, js jetstream.JetStream, k *taker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- nats.Consume(ctx, js, k, slog.New(slog.DiscardHandler)) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("consume: %v", err)
		}
	})
}

func setup(t *testing.T) (*natstest.Server, jetstream.JetStream) {
	t.Helper()
	server := natstest.New(t)
	js, err := jetstream.New(server.Connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := migrations.ControlPlaneJetStream(t.Context(), js, "eu", 1); err != nil {
		t.Fatal(err)
	}
	return server, js
}

// publish tries again what a dying connection swallowed, as cells do; the message's id keeps it from being there twice.
func publish(t *testing.T, js jetstream.JetStream, cell string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		msg := &natsgo.Msg{Subject: subject.Usage(cell), Data: []byte(text)}
		var err error
		for range 20 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err = js.PublishMsg(ctx, msg, jetstream.WithMsgID(cell+text))
			cancel()
			if err == nil {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatCannotBeReadIsDroppedAndWhatFailedComesAgain(t *testing.T) {
	t.Parallel()
	_, js := setup(t)
	k := newTaker(func(text string, time int) error {
		switch {
		case text == "eu:poison":
			return collect.ErrUnreadable
		case text == "us:late" && time < 3:
			return errors.New("the ledger is away")
		}
		return nil
	})
	publish(t, js, "eu", "poison", "good")
	publish(t, js, "us", "late")
	defer consume(t, js, k)()
	k.await(t, "us:late", 3)
	k.await(t, "eu:good", 1)
	if n := k.count("eu:poison"); n != 1 {
		t.Errorf("the unreadable message was taken %d times, want 1", n)
	}
	pending(t, js, 0)
}

// TestNothingIsLostOverARestart stops the consumer while a message is unacknowledged, and NATS itself.
func TestNothingIsLostOverARestart(t *testing.T) {
	t.Parallel()
	server, js := setup(t)
	away := newTaker(func(string, int) error { return errors.New("the ledger is away") })
	publish(t, js, "eu", "first")
	stop := consume(t, js, away)
	defer stop()
	away.await(t, "eu:first", 1)
	stop()

	server.Stop()
	server.Start(t)
	k := newTaker(func(string, int) error { return nil })
	defer consume(t, js, k)()
	publish(t, js, "eu", "second")
	k.await(t, "eu:first", 1)
	k.await(t, "eu:second", 1)
	pending(t, js, 0)
}

// pending waits until the consumer owes no acknowledgement and no delivery. A question that a restart of the server
// swallowed is asked again.
func pending(t *testing.T, js jetstream.JetStream, want int) {
	t.Helper()
	deadline, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	for {
		info, err := consumerInfo(deadline, js)
		if err == nil && info.NumAckPending+int(info.NumPending) == want { //nolint:gosec // few
			return
		}
		select {
		case <-deadline.Done():
			t.Fatalf("consumer: %+v, %v; want %d pending", info, err, want)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func consumerInfo(ctx context.Context, js jetstream.JetStream) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := js.Consumer(ctx, subject.UsageStream, "billing")
	if err != nil {
		return nil, err
	}
	return c.CachedInfo(), nil
}
