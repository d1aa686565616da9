package jetstream

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/admission"
	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	// poolsPerReport bounds one message; a process with more sends several.
	poolsPerReport = 5000
	// reportsWaiting is how many reports of others may wait; of further ones the next tells.
	reportsWaiting = 1000
)

// Shares carries what the processes of a cell admitted. It is an admission.Bus. No stream is behind it: an old report is
// worth nothing.
type Shares struct {
	conn    *Conn
	subject string
	log     *slog.Logger
}

// NewShares returns the bus of a cell.
func NewShares(c *Conn, cell string, log *slog.Logger) *Shares {
	return &Shares{conn: c, subject: subject.Share(cell), log: log}
}

// Connected implements admission.Bus.
func (s *Shares) Connected() bool { return s.conn.Connected() }

// Send implements admission.Bus.
func (s *Shares) Send(r admission.Report) error {
	for {
		n := min(len(r.Pools), poolsPerReport)
		m := &limitv1.Share{Process: r.Process, Leaving: r.Leaving, Pools: make([]*limitv1.PoolShare, 0, n)}
		for _, p := range r.Pools[:n] {
			m.Pools = append(m.Pools, &limitv1.PoolShare{TenantId: string(p.Tenant), Group: p.Group, Used: p.Used, Demand: p.Demand, Left: p.Left, Held: p.Held})
		}
		data, err := proto.Marshal(m)
		if err != nil {
			return fmt.Errorf("encode shares: %w", err)
		}
		if err := s.conn.nats.Publish(s.subject, data); err != nil {
			return fmt.Errorf("publish shares: %w", err)
		}
		if r.Pools = r.Pools[n:]; len(r.Pools) == 0 {
			break
		}
	}
	if r.Leaving {
		return s.conn.nats.Flush()
	}
	return nil
}

// Receive implements admission.Bus.
func (s *Shares) Receive(ctx context.Context, fn func(admission.Report)) error {
	messages := make(chan *nats.Msg, reportsWaiting)
	subscription, err := s.conn.nats.ChanSubscribe(s.subject, messages)
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", s.subject, err)
	}
	defer func() { _ = subscription.Unsubscribe() }() // the connection's end does it too
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			r, err := reportFromProto(m.Data)
			if err != nil {
				s.log.WarnContext(ctx, "shares not understood", slog.Any("error", err))
				continue
			}
			fn(r)
		}
	}
}

func reportFromProto(data []byte) (admission.Report, error) {
	var m limitv1.Share
	if err := proto.Unmarshal(data, &m); err != nil {
		return admission.Report{}, fmt.Errorf("decode shares: %w", err)
	}
	r := admission.Report{Process: m.GetProcess(), Leaving: m.GetLeaving()}
	for _, p := range m.GetPools() {
		r.Pools = append(r.Pools, admission.PoolReport{
			Tenant: tenancy.ID(p.GetTenantId()), Group: p.GetGroup(), Used: p.GetUsed(), Demand: p.GetDemand(), Left: p.GetLeft(), Held: p.GetHeld(),
		})
	}
	return r, nil
}
