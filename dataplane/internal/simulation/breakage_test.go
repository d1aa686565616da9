package simulation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/tenancy"
)

// breakage is a way to break the commit protocol on purpose, at the seams where its parts meet.
type breakage string

const (
	sound breakage = ""
	// checkpointFirst acknowledges inserts that are stored a second later: checkpoints and trims come before the rows.
	checkpointFirst breakage = "checkpoint before insert"
	// rangeUnrecorded does not record where the log is cut before the insert.
	rangeUnrecorded breakage = "range not recorded"
	// tokenWithoutRange names the table and not the range in the token.
	tokenWithoutRange breakage = "token without range"
	// fenceIgnored writes a range's end although another process works on the partition.
	fenceIgnored breakage = "fence ignored"
	// dedupForgotten leaves what a device sent before out of the checkpoint.
	dedupForgotten breakage = "deduplication not in the checkpoint"
	// retryBlind tries again under a new token without looking what is stored.
	retryBlind breakage = "retry with a new token"
)

var breakages = []breakage{checkpointFirst, rangeUnrecorded, tokenWithoutRange, fenceIgnored, dedupForgotten, retryBlind}

type store struct {
	*client
	bad   breakage
	tries *atomic.Int64
}

func (b breakage) store(c *client) commit.Store {
	switch b {
	case checkpointFirst, tokenWithoutRange, retryBlind:
		return store{c, b, &atomic.Int64{}}
	}
	return c
}

var inToken = regexp.MustCompile(`/\d+-\d+/`)

func (s store) InsertEvents(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.EventRow, token string) error {
	switch s.bad {
	case checkpointFirst:
		go func() {
			s.world.sleep(time.Second)
			_ = s.client.InsertEvents(context.WithoutCancel(ctx), tenant, partition, rows, token)
		}()
		return nil
	case tokenWithoutRange:
		token = inToken.ReplaceAllString(token, "/")
	case retryBlind:
		token = fmt.Sprintf("%s/%d", token, s.tries.Add(1))
	}
	return s.client.InsertEvents(ctx, tenant, partition, rows, token)
}

func (s store) StoredEvents(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[commit.Place]int, error) {
	if s.bad == retryBlind && s.tries.Add(1)%2 == 1 {
		return nil, nil
	}
	return s.client.StoredEvents(ctx, tenant, partition, from, to)
}

type ends struct {
	commit.Ends
	bad breakage
}

func (b breakage) ends(e commit.Ends) commit.Ends {
	switch b {
	case rangeUnrecorded, fenceIgnored:
		return ends{e, b}
	}
	return e
}

func (e ends) Save(ctx context.Context, partition int, covered uint64, list []uint64) error {
	if e.bad == rangeUnrecorded {
		return nil
	}
	err := e.Ends.Save(ctx, partition, covered, list)
	if errors.Is(err, commit.ErrFenced) {
		if _, _, err := e.Load(ctx, partition); err != nil { // takes the partition over again
			return err
		}
		return e.Ends.Save(ctx, partition, covered, list)
	}
	return err
}

// keeper is embedded under another name than its method has.
type keeper = commit.Checkpoints

type checkpoints struct {
	keeper
	world *world
}

func (b breakage) checkpoints(w *world, c commit.Checkpoints) commit.Checkpoints {
	if b == dedupForgotten {
		return checkpoints{c, w}
	}
	return c
}

// SaveCheckpoint stores the state that the log would have given had the devices never sent an id or a sequence that they send again.
func (c checkpoints) SaveCheckpoint(ctx context.Context, partition int, through uint64, data []byte) error {
	id := data[:1+data[0]]
	state, err := engine.Decode(data[len(id):])
	if err != nil {
		return err
	}
	forgetful, check := engine.New(options), engine.New(options)
	c.world.mu.Lock()
	messages := c.world.messages
	c.world.mu.Unlock()
	for _, m := range messages {
		if m.partition != partition || m.sequence > state.Position() {
			continue
		}
		f, err := frame.NewDecoder().Decode(m.data)
		if err != nil {
			return err
		}
		out := &engine.Outputs{}
		check.Step(engine.Frame{Sequence: m.sequence, Time: m.time.UnixNano(), Events: f.Events}, out)
		stored := map[uint32]bool{}
		for _, rows := range out.Tenants {
			for _, r := range rows.Events {
				stored[r.Index] = true
			}
		}
		kept := f.Events[:0]
		for i, e := range f.Events {
			if stored[uint32(i)] {
				e.Epoch, e.MessageID, e.HasSequence, e.Sequence = "", fmt.Sprintf("forgotten/%d/%d", m.sequence, i), false, 0
				kept = append(kept, e)
			}
		}
		forgetful.Step(engine.Frame{Sequence: m.sequence, Time: m.time.UnixNano(), Events: kept}, &engine.Outputs{})
	}
	return c.keeper.SaveCheckpoint(ctx, partition, through, forgetful.Encode(append([]byte(nil), id...)))
}
