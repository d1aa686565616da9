package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/migrations"
	"github.com/millwright-io/millwright/migrations/natstest"
	"github.com/millwright-io/millwright/proto/subject"
)

func openCell(t *testing.T) *Conn {
	t.Helper()
	conn, err := Connect(Address{URL: natstest.New(t).URL, Name: "test"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	options := migrations.JetStreamOptions{LogMaxBytes: 16 << 20, DeadLetterMaxBytes: 1 << 20, Replicas: 1}
	if err := migrations.CellJetStream(t.Context(), conn, "test", options); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestWhoLoadsLastMaySave(t *testing.T) {
	t.Parallel()
	conn := openCell(t)
	open := func() *Commits {
		c, err := OpenCommits(t.Context(), conn, "test")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	load := func(c *Commits, checkpoint uint64, ends ...uint64) {
		t.Helper()
		gotCheckpoint, gotEnds, err := c.Load(t.Context(), 0)
		if err != nil || gotCheckpoint != checkpoint || !slices.Equal(gotEnds, ends) {
			t.Fatalf("loaded %d, %v, %v; want %d, %v", gotCheckpoint, gotEnds, err, checkpoint, ends)
		}
	}
	old, fresh := open(), open()
	load(old, 0)
	if err := old.Save(t.Context(), 0, 3, []uint64{5, 9}); err != nil {
		t.Fatal(err)
	}
	load(fresh, 3, 5, 9)
	// Neither something new nor the same again, as after an answer that was lost.
	for _, ends := range [][]uint64{{5, 9, 12}, {5, 9}} {
		if err := old.Save(t.Context(), 0, 3, ends); !errors.Is(err, commit.ErrFenced) {
			t.Errorf("the old writer saves %v: %v", ends, err)
		}
	}
	if err := fresh.Save(t.Context(), 0, 9, []uint64{14}); err != nil {
		t.Error(err)
	}
	if lowest, err := fresh.Lowest(t.Context(), 1); err != nil || lowest != 9 {
		t.Errorf("lowest %d, %v", lowest, err)
	}
	if lowest, err := fresh.Lowest(t.Context(), 2); err != nil || lowest != 0 {
		t.Errorf("lowest with a partition that nobody began: %d, %v", lowest, err)
	}
}

func TestTheNumberOfPartitionsStays(t *testing.T) {
	t.Parallel()
	c, err := OpenCommits(t.Context(), openCell(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{4, 4} {
		if err := c.Keep(t.Context(), n); err != nil {
			t.Error(err)
		}
	}
	if err := c.Keep(t.Context(), 2); err == nil || !strings.Contains(err.Error(), "has 4 partitions, not 2") {
		t.Errorf("another number: %v", err)
	}
}

func TestCheckpointsStandBesideEachOther(t *testing.T) {
	t.Parallel()
	objects, err := OpenObjects(t.Context(), openCell(t), "test")
	if err != nil {
		t.Fatal(err)
	}
	want := func(partition int, position uint64, text string) {
		t.Helper()
		if data, err := objects.LoadCheckpoint(t.Context(), partition, position); err != nil || string(data) != text {
			t.Errorf("partition %d at %d: %q, %v; want %q", partition, position, data, err, text)
		}
	}
	want(1, 0, "")
	if _, err := objects.store.PutBytes(t.Context(), subject.CommitKey(2), []byte("of an earlier version")); err != nil {
		t.Fatal(err)
	}
	want(2, 5, "of an earlier version")
	if err := objects.DropCheckpoint(t.Context(), 2, 5); err != nil {
		t.Fatal(err)
	}
	want(2, 5, "")
	for _, position := range []uint64{7, 70, 71} {
		if err := objects.SaveCheckpoint(t.Context(), 1, position, fmt.Append(nil, position)); err != nil {
			t.Fatal(err)
		}
	}
	if err := objects.SaveCheckpoint(t.Context(), 11, 7, []byte("another's")); err != nil {
		t.Fatal(err)
	}
	want(1, 70, "70")
	if err := objects.DropCheckpoint(t.Context(), 1, 70); err != nil {
		t.Fatal(err)
	}
	want(1, 70, "")
	if err := objects.SweepCheckpoints(t.Context(), 1, 71); err != nil {
		t.Fatal(err)
	}
	want(1, 7, "")
	want(1, 71, "71")
	want(11, 7, "another's")
}
