package jetstream

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// lateEvents are old enough for the lane of devices that catch up.
func lateEvents(n int) []telemetry.Event {
	events := ingestEvents(n)
	for i := range events {
		events[i].Received = int64(telemetry.LateAfter)
	}
	return events
}

func TestWhatIsLiveGoesBeforeWhatIsLate(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t, func(c *PublisherConfig) { c.FrameEvents = 10 })
	w := newWords()
	for _, events := range [][]telemetry.Event{lateEvents(10), lateEvents(10), ingestEvents(3), lateEvents(10), ingestEvents(4)} {
		if err := b.pub.Append(t.Context(), 0, events, w, 1); err != nil {
			t.Fatal(err)
		}
	}
	b.run()
	for range 5 {
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
	}
	var sizes []int
	for _, f := range b.frames(4) {
		sizes = append(sizes, len(f.Events))
	}
	if want := []int{7, 10, 10, 10}; !slices.Equal(sizes, want) {
		t.Fatalf("frames of %v events, want %v: the live ones together, first", sizes, want)
	}
}

// published notes how long each frame took.
type published struct{ took chan time.Duration }

func (p published) FramePublished(_, _ int, _, took time.Duration) { p.took <- took }
func (published) FrameFailed(int)                                  {}

func TestLateFramesLeaveTheLogToWhatIsLive(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t, func(c *PublisherConfig) { c.FrameEvents = 10 })
	watch := published{make(chan time.Duration, 10)}
	b.pub = NewPublisher(b.js, b.cfg, watch, slog.New(slog.DiscardHandler), time.Now)
	w := newWords()
	for range 3 {
		if err := b.pub.Append(t.Context(), 0, lateEvents(10), w, 1); err != nil {
			t.Fatal(err)
		}
	}
	b.run()
	for range 3 {
		if err := w.next(t); err != nil {
			t.Fatal(err)
		}
	}
	frames := b.frames(3)
	for i := range frames[1:] {
		took := <-watch.took
		least := took + min((lateShare-1)*took, lateGap)
		// The observer looks at the clock a moment before the publisher does.
		if gap := time.Duration(frames[i+1].Received - frames[i].Received); gap < least {
			t.Errorf("late frame %d came %s after one that took %s, want %s at least", i+1, gap, took, least)
		}
	}
}

func TestSendersOfLateEventsAloneAreHeld(t *testing.T) {
	t.Parallel()
	b := newIngestBench(t, func(c *PublisherConfig) { c.FrameEvents, c.FramesWaiting = 10, 1 })
	w := newWords()
	for range 2 {
		if err := b.pub.Append(t.Context(), 0, lateEvents(10), w, 1); err != nil {
			t.Fatal(err)
		}
	}
	room, err := b.pub.partitions[0].append(&b.cfg, lateEvents(1), w, 1, nil)
	if err != nil || room == nil {
		t.Fatalf("late events are taken without room: %v", err)
	}
	if err := b.pub.Append(t.Context(), 0, ingestEvents(1), w, 1); err != nil {
		t.Fatal(err)
	}
	b.run()
	select {
	case <-room:
	case <-time.After(ingestPatience):
		t.Fatal("nobody is told of the room")
	}
}
