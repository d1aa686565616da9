package mqttclient_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient/mqtttest"
)

type bundle struct {
	broker *mqtttest.Broker
	client *mqttclient.Client
	ended  chan error
	cancel context.CancelFunc

	mu   sync.Mutex
	acks []mqttclient.Ack
}

func setup(t *testing.T, version mqttclient.Version, window int, o mqtttest.Options) *bundle {
	t.Helper()
	ca, err := mqtttest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.ServerTLS()
	if err != nil {
		t.Fatal(err)
	}
	device, err := ca.ClientTLS("press_01")
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{ended: make(chan error, 1)}
	b.broker, err = mqtttest.Start(server, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.broker.Close)
	b.client = mqttclient.New(mqttclient.Config{
		Address: b.broker.Address(), TLS: device, Version: version, ClientID: "press_01", Window: window,
		MinBackoff: time.Millisecond, MaxBackoff: 10 * time.Millisecond, GiveUpAfter: 50 * time.Millisecond,
		OnAcks: func(acks []mqttclient.Ack) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.acks = append(b.acks, acks...)
		},
	}, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	b.cancel = cancel
	done := make(chan struct{})
	go func() { defer close(done); b.ended <- b.client.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return b
}

func (b *bundle) publish(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		err := b.client.Publish("v1/telemetry", fmt.Appendf(nil, `{"sequence":%d}`, i), mqttclient.Mark{Sequence: uint64(i)})
		if err != nil {
			t.Fatalf("publish %d: %v", i, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if left := b.client.Drain(ctx); left != 0 {
		t.Fatalf("%d messages were not acknowledged, stats %+v", left, b.client.Stats())
	}
}

func TestEveryMessageIsAcknowledgedOnce(t *testing.T) {
	t.Parallel()
	for _, version := range []mqttclient.Version{mqttclient.V311, mqttclient.V5} {
		t.Run(fmt.Sprint("level ", version), func(t *testing.T) {
			t.Parallel()
			b := setup(t, version, 64, mqtttest.Options{})
			b.publish(t, 1000)
			seen := map[uint64]int{}
			for _, a := range b.acks {
				seen[a.Sequence]++
			}
			if len(seen) != 1000 || len(b.acks) != 1000 {
				t.Errorf("%d acks of %d messages, want 1000 of 1000", len(b.acks), len(seen))
			}
			for i, p := range b.broker.Seen() {
				if want := fmt.Sprintf(`{"sequence":%d}`, i); string(p.Payload) != want || p.Topic != "v1/telemetry" || p.Dup {
					t.Fatalf("publish %d is %s on %s, dup %v", i, p.Payload, p.Topic, p.Dup)
				}
			}
		})
	}
}

func TestUnacknowledgedMessagesAreSentAgainWithTheSameBytes(t *testing.T) {
	t.Parallel()
	// The tenth message after each of the first five connects breaks the connection before its acknowledgement.
	breaks := 0
	b := setup(t, mqttclient.V311, 16, mqtttest.Options{Judge: func(n int, _ mqtttest.Publish) mqtttest.Verdict {
		if n > 0 && n%37 == 0 && breaks < 5 {
			breaks++
			return mqtttest.Verdict{Break: true}
		}
		return mqtttest.Verdict{}
	}})
	b.publish(t, 300)
	if len(b.acks) != 300 {
		t.Errorf("%d acks, want 300", len(b.acks))
	}
	first, resent := map[string]bool{}, 0
	for _, p := range b.broker.Seen() {
		if p.Dup {
			resent++
		}
		first[string(p.Payload)] = true
	}
	if len(first) != 300 {
		t.Errorf("the broker saw %d different messages, want 300", len(first))
	}
	if stats := b.client.Stats(); resent == 0 || stats.Connects != 6 {
		t.Errorf("%d resent over %d connects, want some over 6", resent, stats.Connects)
	}
}

func TestTheWindowBoundsWhatIsInFlight(t *testing.T) {
	t.Parallel()
	b := setup(t, mqttclient.V5, 64, mqtttest.Options{Judge: func(int, mqtttest.Publish) mqtttest.Verdict {
		return mqtttest.Verdict{Hold: true}
	}})
	go func() {
		for i := range 100 {
			if b.client.Publish("v1/telemetry", []byte("{}"), mqttclient.Mark{Sequence: uint64(i)}) != nil {
				return
			}
		}
	}()
	waitFor(t, func() bool { return len(b.broker.Seen()) >= 20 })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if left := b.client.Drain(ctx); left != 20 {
		t.Errorf("%d in flight, want the server's receive maximum of 20", left)
	}
}

func TestARefusalCarriesItsReason(t *testing.T) {
	t.Parallel()
	b := setup(t, mqttclient.V5, 8, mqtttest.Options{Judge: func(n int, _ mqtttest.Publish) mqtttest.Verdict {
		if n == 1 {
			return mqtttest.Verdict{Code: 0x99, Reason: "measurement temperature: not a number"}
		}
		return mqtttest.Verdict{}
	}})
	b.publish(t, 3)
	for _, a := range b.acks {
		if a.Refused() != (a.Sequence == 1) {
			t.Errorf("message %d: refused %v", a.Sequence, a.Refused())
		}
		if a.Sequence == 1 && a.Reason != "measurement temperature: not a number" {
			t.Errorf("reason %q", a.Reason)
		}
	}
}

func TestRunEndsWhenTheServerKeepsRefusing(t *testing.T) {
	t.Parallel()
	b := setup(t, mqttclient.V311, 8, mqtttest.Options{Connack: func(int) byte { return 5 }})
	var refused *mqttclient.RefusedError
	if err := <-b.ended; !errors.As(err, &refused) || !strings.Contains(err.Error(), "not authorised") {
		t.Errorf("Run ended with %v", err)
	}
	if err := b.client.Publish("v1/telemetry", nil, mqttclient.Mark{}); !errors.Is(err, mqttclient.ErrStopped) {
		t.Errorf("publish after the end: %v", err)
	}
}

func TestARefusalAtFirstIsOvercome(t *testing.T) {
	t.Parallel()
	b := setup(t, mqttclient.V311, 8, mqtttest.Options{Connack: func(n int) byte {
		if n < 2 {
			return 5
		}
		return 0
	}})
	b.publish(t, 10)
}

func TestCancelSaysGoodbye(t *testing.T) {
	t.Parallel()
	b := setup(t, mqttclient.V311, 8, mqtttest.Options{})
	b.publish(t, 1)
	b.cancel()
	if err := <-b.ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !cond(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true in 10 s")
		}
	}
}
