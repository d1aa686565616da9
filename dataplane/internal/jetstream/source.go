package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
)

// Source reads a partition's frames from the log.
type Source struct {
	events  *Log
	objects *Objects
	log     *slog.Logger
	// Taken is told of every message, before it is delivered; nil: nobody is. Set it before Follow.
	Taken func(partition int, m Message, events []telemetry.Event)
}

// NewSource returns a source that reads events and puts what is no frame into objects.
func NewSource(events *Log, objects *Objects, log *slog.Logger) *Source {
	return &Source{events: events, objects: objects, log: log}
}

// ID tells the log from any other.
func (s *Source) ID() string { return s.events.ID() }

// Follow implements commit.Source. A message that is no frame is put aside and counts as a frame without events: it is
// the log that is damaged, and nothing after it may wait for it. At a frame of a newer program it ends with an error: its events
// were acknowledged, the log holds them, and that program can read them.
func (s *Source) Follow(ctx context.Context, partition int, after uint64, deliver func(engine.Frame) error) error {
	decoder := frame.NewDecoder()
	return s.events.Follow(ctx, partition, after, func(m Message) error {
		f, err := decoder.Decode(m.Data)
		if errors.Is(err, frame.ErrNewer) {
			return fmt.Errorf("message %d of the log: %w: run the newer program again until it has stored what it took", m.Sequence, err)
		}
		if err != nil {
			s.log.ErrorContext(ctx, "log message is no frame, putting it aside", slog.Int("partition", partition),
				slog.Uint64("sequence", m.Sequence), slog.Any("error", err))
			if err := s.objects.Keep(ctx, fmt.Sprintf("damaged/%d/%d", partition, m.Sequence), m.Data); err != nil {
				return err
			}
		}
		if s.Taken != nil {
			s.Taken(partition, m, f.Events)
		}
		return deliver(engine.Frame{Sequence: m.Sequence, Time: m.Time, Events: owned(f.Events)})
	})
}

// owned copies what the decoder uses again.
func owned(events []telemetry.Event) []telemetry.Event {
	if len(events) == 0 {
		return nil
	}
	total := 0
	for i := range events {
		total += len(events[i].Values)
	}
	values := make([]float64, 0, total)
	out := append(make([]telemetry.Event, 0, len(events)), events...)
	for i := range out {
		from := len(values)
		values = append(values, out[i].Values...)
		out[i].Values = values[from:len(values):len(values)]
	}
	return out
}
