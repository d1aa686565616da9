package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	embedded "github.com/millwright-io/millwright/deploy/internal/nats"
)

const (
	streamName = "EDGE"
	// waitingSubject and asideSubject, each with a device, are what waits to be sent and what the cell will never take.
	waitingSubject, asideSubject = "waiting.", "aside."
	storeTimeout                 = 10 * time.Second
	// reserve is what the store's own files may take beside the messages.
	reserve = 64 << 20
)

// errFull refuses a message for which there is no room.
var errFull = errors.New("the edge's store is full until the cell has taken some of what waits: keep the message and send it again later")

// store keeps messages on the disk, each write synced, in the order in which they came.
type store struct {
	server *embedded.Server
	conn   *nats.Conn
	js     jetstream.JetStream
	stream jetstream.Stream
	// id is of this store alone: with a sequence it names a message for ever.
	id string
}

// message is one that waits.
type message struct {
	sequence uint64
	taken    time.Time
	payload  []byte
}

func openStore(ctx context.Context, dir string, most int64, log *slog.Logger) (*store, error) {
	server, err := embedded.StartLocal(dir, most+reserve, log)
	if err != nil {
		return nil, err
	}
	s := &store{server: server}
	if err := s.open(ctx, most); err != nil {
		s.close()
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	return s, nil
}

func (s *store) open(ctx context.Context, most int64) (err error) {
	if s.conn, err = s.server.Connect(); err != nil {
		return err
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	s.stream, err = s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: []string{waitingSubject + "*", asideSubject + "*"}, Storage: jetstream.FileStorage,
		Discard: jetstream.DiscardNew, MaxBytes: most, AllowDirect: true,
	})
	if err == nil {
		s.id = strconv.FormatInt(s.stream.CachedInfo().Created.UnixNano(), 36)
	}
	return err
}

func (s *store) close() {
	if s.conn != nil {
		s.conn.Close()
	}
	s.server.Stop()
}

// put returns when the message is on the disk.
func (s *store) put(ctx context.Context, subject string, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := s.js.Publish(ctx, subject, payload)
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api) && strings.Contains(api.Description, "maximum bytes"):
		return errFull
	}
	return fmt.Errorf("store a message: %w", err)
}

// next returns a device's first message from a sequence on; false: there is none.
func (s *store) next(ctx context.Context, device string, from uint64) (message, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	got, err := s.stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(waitingSubject+device))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return message{}, false, nil
	}
	if err != nil {
		return message{}, false, fmt.Errorf("read the store: %w", err)
	}
	return message{got.Sequence, got.Time, got.Data}, true, nil
}

// release frees a device's messages up to a sequence, which the cell has.
func (s *store) release(device string, to uint64) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if err := s.stream.Purge(ctx, jetstream.WithPurgeSubject(waitingSubject+device), jetstream.WithPurgeSequence(to+1)); err != nil {
		return fmt.Errorf("free what the cell has: %w", err)
	}
	return nil
}

// aside keeps a message that the cell will never take where it holds nothing up.
func (s *store) aside(ctx context.Context, device string, m message) error {
	return s.put(ctx, asideSubject+device, m.payload)
}

// devices are those that anything waits of.
func (s *store) devices(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(waitingSubject+"*"))
	if err != nil {
		return nil, fmt.Errorf("look who waits: %w", err)
	}
	var devices []string
	for subject := range info.State.Subjects {
		devices = append(devices, strings.TrimPrefix(subject, waitingSubject))
	}
	return devices, nil
}

// state is how much lies there, and how old the oldest is.
func (s *store) state() (jetstream.StreamState, error) {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	info, err := s.stream.Info(ctx)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("look into the store: %w", err)
	}
	return info.State, nil
}

func (s *store) waiting() uint64 {
	state, _ := s.state()
	return state.Msgs
}
