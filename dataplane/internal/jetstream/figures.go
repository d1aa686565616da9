package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/dataplane/internal/pipeline"
	processv1 "github.com/millwright-io/millwright/proto/gen/millwright/process/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// Figures asks the processes of a cell how events fare in them, and tells it of this one. No stream is behind it.
type Figures struct {
	conn    *Conn
	subject string
	log     *slog.Logger
}

// NewFigures returns what carries a cell's figures.
func NewFigures(c *Conn, cell string, log *slog.Logger) *Figures {
	return &Figures{conn: c, subject: subject.Figures(cell), log: log}
}

// Tell answers whoever asks until ctx is done.
func (f *Figures) Tell(ctx context.Context, own func() (pipeline.Part, error)) error {
	sub, err := f.conn.nats.Subscribe(f.subject, func(m *nats.Msg) {
		p, err := own()
		if err == nil {
			var data []byte
			if data, err = proto.Marshal(partToProto(p)); err == nil {
				err = m.Respond(data)
			}
		}
		if err != nil {
			f.log.WarnContext(ctx, "figures not told", slog.Any("error", err))
		}
	})
	if err != nil {
		return fmt.Errorf("subscribe to %s: %w", f.subject, err)
	}
	<-ctx.Done()
	_ = sub.Unsubscribe() // the connection's end does it too
	return nil
}

// Ask returns what the processes say, as soon as members of them have, and those that have when ctx is done.
func (f *Figures) Ask(ctx context.Context, members int) ([]pipeline.Part, error) {
	inbox := f.conn.nats.NewRespInbox()
	answers := make(chan *nats.Msg, max(members, 1))
	sub, err := f.conn.nats.ChanSubscribe(inbox, answers)
	if err != nil {
		return nil, fmt.Errorf("subscribe to answers: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := f.conn.nats.PublishRequest(f.subject, inbox, nil); err != nil {
		return nil, fmt.Errorf("ask for figures: %w: %w", tenancy.ErrUnavailable, err)
	}
	var parts []pipeline.Part
	for len(parts) < members {
		select {
		case m := <-answers:
			var p processv1.Figures
			if err := proto.Unmarshal(m.Data, &p); err != nil {
				f.log.WarnContext(ctx, "figures of a process not understood", slog.Any("error", err))
				members--
				continue
			}
			parts = append(parts, partFromProto(&p))
		case <-ctx.Done():
			return parts, nil
		}
	}
	return parts, nil
}

func partToProto(p pipeline.Part) *processv1.Figures {
	m := &processv1.Figures{
		StartedAt: timestamppb.New(p.Started), SpanSeconds: p.Span.Seconds(),
		StoredPerSecond: p.Stored, DuplicatesPerSecond: p.Duplicates, DeadLettersPerSecond: p.DeadLetters, RefusalsPerSecond: p.Refusals,
		Sessions: int32(p.Sessions), LiveSessions: int32(p.LiveSessions), //nolint:gosec // counts
	}
	for name, s := range p.Stages {
		m.Stages = append(m.Stages, &processv1.Stage{Stage: name, PerSecond: s.PerSecond, Bounds: s.Bounds, Cumulative: s.Cumulative, Count: s.Count})
	}
	for _, t := range p.Tenants {
		m.Tenants = append(m.Tenants, &processv1.TenantRate{TenantId: string(t.ID), Events: t.Events, Points: t.Points, DeadLetters: t.DeadLetters})
	}
	for _, l := range p.Partitions {
		m.Partitions = append(m.Partitions, &processv1.Lag{
			Partition: int32(l.Partition), Messages: l.Messages, BehindSeconds: l.Behind.Seconds(), Committed: l.Committed, //nolint:gosec // a small number
		})
	}
	return m
}

func partFromProto(m *processv1.Figures) pipeline.Part {
	p := pipeline.Part{
		Started: m.GetStartedAt().AsTime(), Span: seconds(m.GetSpanSeconds()), Stages: map[string]pipeline.Taken{},
		Stored: m.GetStoredPerSecond(), Duplicates: m.GetDuplicatesPerSecond(), DeadLetters: m.GetDeadLettersPerSecond(), Refusals: m.GetRefusalsPerSecond(),
		Sessions: int(m.GetSessions()), LiveSessions: int(m.GetLiveSessions()),
	}
	for _, s := range m.GetStages() {
		p.Stages[s.GetStage()] = pipeline.Taken{
			Histogram: pipeline.Histogram{Bounds: s.GetBounds(), Cumulative: s.GetCumulative(), Count: s.GetCount()}, PerSecond: s.GetPerSecond(),
		}
	}
	for _, t := range m.GetTenants() {
		p.Tenants = append(p.Tenants, pipeline.Tenant{ID: tenancy.ID(t.GetTenantId()), Events: t.GetEvents(), Points: t.GetPoints(), DeadLetters: t.GetDeadLetters()})
	}
	for _, l := range m.GetPartitions() {
		p.Partitions = append(p.Partitions, pipeline.Lag{
			Partition: int(l.GetPartition()), Messages: l.GetMessages(), Behind: seconds(l.GetBehindSeconds()), Committed: l.GetCommitted(),
		})
	}
	return p
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
