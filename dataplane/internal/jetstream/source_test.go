package jetstream

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
)

func TestADamagedFrameIsPutAsideAndANewerOneStopsThePartition(t *testing.T) {
	t.Parallel()
	conn, log := openCell(t), slog.New(slog.DiscardHandler)
	events, err := OpenLog(t.Context(), conn, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := OpenObjects(t.Context(), conn, "test")
	if err != nil {
		t.Fatal(err)
	}
	build := frame.Builder{}
	for _, e := range ingestEvents(2) {
		build.Append(&e)
	}
	good := bytes.Clone(build.Finish(1))
	damaged := slices.Concat(good[:len(good)-1], []byte{good[len(good)-1] ^ 1})
	newer := bytes.Clone(good)
	newer[3] = frame.Version + 1
	for _, data := range [][]byte{damaged, good, newer, good} {
		if _, err := events.Append(t.Context(), 0, data); err != nil {
			t.Fatal(err)
		}
	}
	var got []int
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err = NewSource(events, objects, log).Follow(ctx, 0, 0, func(f engine.Frame) error {
		got = append(got, len(f.Events))
		return nil
	})
	if !errors.Is(err, frame.ErrNewer) || !strings.Contains(err.Error(), "message 3 of the log") || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("the newer frame: %v", err)
	}
	if !slices.Equal(got, []int{0, 2}) {
		t.Errorf("events of the frames before it: %v, want none of the damaged one and two", got)
	}
	if kept, err := objects.store.GetBytes(t.Context(), "damaged/0/1"); err != nil || !bytes.Equal(kept, damaged) {
		t.Errorf("the damaged frame is not kept as it was: %v", err)
	}
}
