package nats_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/millwright-io/millwright/deploy/internal/nats"
	"github.com/millwright-io/millwright/proto/subject"
)

const cell = "local"

func start(t *testing.T, dir string) *nats.Server {
	t.Helper()
	s, err := nats.Start(nats.Config{
		StoreDir: dir, ControlPlanePassword: "cp", Cells: []nats.Cell{{Name: cell, User: nats.UserCell, Password: "ce"}, {Name: "eu-1", User: "cell-eu-1", Password: "eu"}},
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(t *testing.T, s *nats.Server, user, password string) jetstream.JetStream {
	t.Helper()
	nc, err := client.Connect(s.URL(), client.UserInfo(user, password), client.ErrorHandler(func(*client.Conn, *client.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(3*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestEachUserDoesItsWorkAndNoMore(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	defer s.Stop()
	control := connect(t, s, nats.UserControlPlane, "cp")
	device := connect(t, s, nats.UserCell, "ce")

	catalog, err := control.CreateOrUpdateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: subject.CatalogBucket(cell)})
	check(t, err)
	_, err = catalog.Put(t.Context(), "tenant.a", []byte("x"))
	check(t, err)
	_, err = control.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: subject.UsageStream, Subjects: []string{subject.UsageAll}})
	check(t, err)

	_, err = device.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: subject.IngestStream(cell), Subjects: []string{subject.IngestAll(cell)}})
	check(t, err)
	_, err = device.Publish(t.Context(), subject.Ingest(cell, 0), []byte("frame"))
	check(t, err)
	_, err = device.Publish(t.Context(), subject.Usage(cell), []byte("totals"))
	check(t, err)
	_, err = device.CreateOrUpdateObjectStore(t.Context(), jetstream.ObjectStoreConfig{Bucket: subject.CheckpointBucket(cell)})
	check(t, err)
	seen, err := device.KeyValue(t.Context(), subject.CatalogBucket(cell))
	check(t, err)
	watcher, err := seen.WatchAll(t.Context())
	check(t, err)
	if entry := <-watcher.Updates(); string(entry.Value()) != "x" {
		t.Fatalf("the cell sees %q", entry.Value())
	}
	log, err := device.OrderedConsumer(t.Context(), subject.IngestStream(cell), jetstream.OrderedConsumerConfig{})
	check(t, err)
	if msg, err := log.Next(jetstream.FetchMaxWait(5 * time.Second)); err != nil || string(msg.Data()) != "frame" {
		t.Fatalf("the log gives %v, %v", msg, err)
	}

	if _, err := seen.Put(t.Context(), "tenant.a", []byte("taken")); err == nil {
		t.Fatal("the cell wrote the catalog")
	}
	if err := device.DeleteStream(t.Context(), subject.UsageStream); err == nil {
		t.Fatal("the cell deleted the usage stream")
	}
	if _, err := control.Publish(t.Context(), subject.Ingest(cell, 0), nil); err == nil {
		t.Fatal("the control plane wrote to the log")
	}
	other := connect(t, s, "cell-eu-1", "eu")
	if _, err := other.KeyValue(t.Context(), subject.CatalogBucket(cell)); err == nil {
		t.Fatal("another cell read the catalog")
	}
	if _, err := other.Publish(t.Context(), subject.Ingest(cell, 0), nil); err == nil {
		t.Fatal("another cell wrote to the log")
	}
	if _, err := other.Publish(t.Context(), subject.Usage(cell), nil); err == nil {
		t.Fatal("another cell reported usage in this one's name")
	}
	hear(t, s)
	if _, err := client.Connect(s.URL()); !errors.Is(err, client.ErrAuthorization) {
		t.Fatalf("a stranger got %v", err)
	}
}

// hear proves that the control plane hears a cell's heartbeat and no other that is sent in the cell's name.
func hear(t *testing.T, s *nats.Server) {
	t.Helper()
	dial := func(user, password string) *client.Conn {
		nc, err := client.Connect(s.URL(), client.UserInfo(user, password), client.ErrorHandler(func(*client.Conn, *client.Subscription, error) {}))
		check(t, err)
		t.Cleanup(nc.Close)
		return nc
	}
	control := dial(nats.UserControlPlane, "cp")
	heard, err := control.QueueSubscribeSync(subject.HeartbeatAll, "controlplane")
	check(t, err)
	check(t, control.Flush())
	for user, password := range map[string]string{"cell-eu-1": "eu", nats.UserCell: "ce"} {
		nc := dial(user, password)
		check(t, nc.Publish(subject.Heartbeat(cell), []byte(user)))
		check(t, nc.Flush())
	}
	if msg, err := heard.NextMsg(5 * time.Second); err != nil || string(msg.Data) != nats.UserCell {
		t.Fatalf("heard %v, %v", msg, err)
	}
}

func TestStoredMessagesSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	js := connect(t, s, nats.UserControlPlane, "cp")
	_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: subject.ReportStream, Subjects: []string{subject.ReportAll}})
	check(t, err)
	cellJS := connect(t, s, nats.UserCell, "ce")
	_, err = cellJS.Publish(t.Context(), subject.Report(cell), []byte("kept"))
	check(t, err)
	begun := time.Now()
	s.Stop()
	if took := time.Since(begun); took > 10*time.Second {
		t.Fatalf("stopping took %s", took)
	}
	s = start(t, dir)
	defer s.Stop()
	stream, err := connect(t, s, nats.UserControlPlane, "cp").Stream(t.Context(), subject.ReportStream)
	check(t, err)
	if n := stream.CachedInfo().State.Msgs; n != 1 {
		t.Fatalf("%d messages after a restart", n)
	}
	totals, err := s.Totals()
	if err != nil || totals.StoredMessages != 1 || totals.Connections == 0 {
		t.Fatalf("totals %+v, %v", totals, err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
