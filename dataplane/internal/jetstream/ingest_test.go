package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const ingestPatience = 10 * time.Second

// ingestBench is a publisher on a server of its own, which can be stopped and started.
type ingestBench struct {
	t       *testing.T
	dir     string
	port    int
	server  *server.Server
	js      natsjs.JetStream
	cfg     PublisherConfig
	pub     *Publisher
	runs    sync.WaitGroup
	running context.CancelFunc
}

func newIngestBench(t *testing.T, change ...func(*PublisherConfig)) *ingestBench {
	t.Helper()
	b := &ingestBench{t: t, dir: t.TempDir(), port: -1, cfg: DefaultPublisherConfig()}
	b.cfg.Cell, b.cfg.Partitions, b.cfg.Instance = "test", 1, "gw1"
	b.cfg.Timeout = 500 * time.Millisecond
	for _, f := range change {
		f(&b.cfg)
	}
	b.up()
	t.Cleanup(func() { b.server.Shutdown(); b.server.WaitForShutdown() })
	nc, err := nats.Connect(b.server.ClientURL(), nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if b.js, err = natsjs.New(nc); err != nil {
		t.Fatal(err)
	}
	if _, err := b.js.CreateStream(t.Context(), natsjs.StreamConfig{
		Name: subject.IngestStream("test"), Subjects: []string{subject.IngestAll("test")},
		Discard: natsjs.DiscardNew, MaxBytes: 1 << 30,
	}); err != nil {
		t.Fatal(err)
	}
	b.pub = NewPublisher(b.js, b.cfg, nil, slog.New(slog.DiscardHandler), time.Now)
	return b
}

func (b *ingestBench) up() {
	b.t.Helper()
	ns, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: b.port, JetStream: true, StoreDir: b.dir, SyncAlways: true, NoSigs: true, NoLog: true})
	if err != nil {
		b.t.Fatal(err)
	}
	ns.Start()
	if !ns.ReadyForConnections(ingestPatience) {
		b.t.Fatal("nats-server is not ready")
	}
	b.server = ns
	if b.port < 0 {
		b.port = ns.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it listens on TCP
	}
}

func (b *ingestBench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	b.running = sync.OnceFunc(func() { cancel(); b.runs.Wait() })
	b.runs.Go(func() { _ = b.pub.Run(ctx) })
	b.t.Cleanup(b.running)
}

// frames waits for n messages in the log.
func (b *ingestBench) frames(n uint64) []frame.Frame {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), ingestPatience)
	defer cancel()
	consumer, err := b.js.OrderedConsumer(ctx, subject.IngestStream("test"), natsjs.OrderedConsumerConfig{})
	if err != nil {
		b.t.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		b.t.Fatal(err)
	}
	defer messages.Stop()
	var frames []frame.Frame
	for range n {
		msg, err := messages.Next(natsjs.NextContext(ctx))
		if err != nil {
			b.t.Fatalf("%d of %d frames: %v", len(frames), n, err)
		}
		got, err := frame.NewDecoder().Decode(msg.Data())
		if err != nil {
			b.t.Fatal(err)
		}
		frames = append(frames, got)
	}
	return frames
}

// words collects what receipts are told.
type words struct{ told chan error }

func newWords() *words                    { return &words{make(chan error, 1000)} }
func (w *words) Stored(_ uint64, e error) { w.told <- e }
func (w *words) Flush()                   {}

func (w *words) next(t *testing.T) error {
	t.Helper()
	select {
	case err := <-w.told:
		return err
	case <-time.After(ingestPatience):
		t.Fatal("no word about the events")
		return nil
	}
}

func ingestEvents(n int) []telemetry.Event {
	events := make([]telemetry.Event, n)
	for i := range events {
		events[i] = telemetry.Event{Tenant: "aaaaaaaaaaaaaaaa", Device: "d", Received: 1, Names: []string{"a"}, Values: []float64{float64(i)}}
	}
	return events
}

func TestWhatCameBeforeIsOneFrame(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t)
	w := newWords()
	for range 100 {
		if err := b.pub.Append(t.Context(), 0, ingestEvents(1), w, 1); err != nil {
			t.Fatal(err)
		}
	}
	b.run()
	for range 100 {
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.frames(1); len(got[0].Events) != 100 {
		t.Fatalf("%d events in the first frame", len(got[0].Events))
	}
}

func TestSendersAreHeldWhenTooMuchWaits(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t, func(c *PublisherConfig) { c.FrameEvents, c.FramesWaiting = 10, 2 })
	w := newWords()
	for range 3 {
		if err := b.pub.Append(t.Context(), 0, ingestEvents(10), w, 1); err != nil {
			t.Fatal(err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := b.pub.Append(short, 0, ingestEvents(1), w, 1); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
	held := make(chan error, 1)
	go func() { held <- b.pub.Append(context.Background(), 0, ingestEvents(1), w, 1) }()
	b.run()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	for range 4 {
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSilenceIsATick(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t, func(c *PublisherConfig) { c.Tick = 30 * time.Millisecond })
	b.run()
	got := b.frames(2)
	if len(got[0].Events) != 0 || got[1].Received < got[0].Received {
		t.Fatalf("got %+v", got)
	}
}

func TestServerThatIsAwayLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t)
	b.run()
	w := newWords()
	for range 3 {
		if err := b.pub.Append(t.Context(), 0, ingestEvents(5), w, 1); err != nil {
			t.Fatal(err)
		}
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
		b.server.Shutdown()
		b.server.WaitForShutdown()
		if err := b.pub.Append(t.Context(), 0, ingestEvents(7), w, 1); err != nil {
			t.Fatal(err)
		}
		b.up()
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
	}
	events := 0
	for _, f := range b.frames(6) {
		events += len(f.Events)
	}
	if events != 36 {
		t.Fatalf("%d of 36 events in the log", events)
	}
}

func TestStopStoresWhatWasTaken(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t)
	w := newWords()
	if err := b.pub.Append(t.Context(), 0, ingestEvents(5), w, 1); err != nil {
		t.Fatal(err)
	}
	b.run()
	b.running()
	if err := w.next(t); err != nil {
		t.Fatal(err)
	}
	if err := b.pub.Append(t.Context(), 0, ingestEvents(5), w, 1); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}

func TestDeadLettersAreStored(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t)
	stream, err := b.js.CreateStream(t.Context(), natsjs.StreamConfig{Name: subject.DeadLetterStream("test"), Subjects: []string{subject.DeadLetterAll("test")}})
	if err != nil {
		t.Fatal(err)
	}
	d := NewDeadLetters(b.js, "test", "gw1", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = d.Run(ctx) })
	w := newWords()
	for range 200 {
		if err := d.Append(t.Context(), telemetry.DeadLetter{Tenant: "aaaaaaaaaaaaaaaa", Device: "d", Reason: "cut_off", Payload: []byte("{")}, w, 1); err != nil {
			t.Fatal(err)
		}
	}
	for range 200 {
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	run.Wait()
	info, err := stream.Info(t.Context())
	if err != nil || info.State.Msgs != 200 {
		t.Fatalf("%+v %v", info, err)
	}
	if err := d.Append(t.Context(), telemetry.DeadLetter{Tenant: "aaaaaaaaaaaaaaaa"}, w, 1); !errors.Is(err, tenancy.ErrUnavailable) {
		t.Fatalf("got %v", err)
	}
}
