package nats

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	limitv1 "github.com/millwright-io/millwright/proto/gen/millwright/limit/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
	"github.com/millwright-io/millwright/tenancy/tally"
)

// UseRecorder keeps what cells counted of their tenants' limits; refused are totals that it left out.
type UseRecorder interface {
	RecordUses(ctx context.Context, cell, source string, totals []tally.Total) (refused []error, err error)
}

// Uses reads how limits are used at the cells.
type Uses struct {
	js       jetstream.JetStream
	recorder UseRecorder
	log      *slog.Logger
}

// NewUses returns a reader.
func NewUses(c *Conn, r UseRecorder, log *slog.Logger) *Uses {
	return &Uses{js: c.js, recorder: r, log: log}
}

// Run reads until ctx is done, through every absence of NATS and of the database.
func (u *Uses) Run(ctx context.Context) error {
	return consume(ctx, u.js, subject.LimitStream, u.log, u.handle)
}

func (u *Uses) handle(ctx context.Context, msg jetstream.Msg) {
	cell := strings.TrimPrefix(msg.Subject(), subject.Limit(""))
	source, totals, err := totalsFromProto(msg.Data())
	if err != nil {
		u.log.ErrorContext(ctx, "dropped uses of limits that cannot be read", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.TermWithReason("unreadable")
		return
	}
	refused, err := u.recorder.RecordUses(ctx, cell, source, totals)
	for _, r := range refused {
		u.log.WarnContext(ctx, "left out a use of a limit", slog.String("cell", cell), slog.Any("error", r))
	}
	if err != nil {
		u.log.WarnContext(ctx, "cannot record uses of limits", slog.String("cell", cell), slog.Any("error", err))
		_ = msg.NakWithDelay(retry)
		return
	}
	_ = msg.Ack()
}

// totalsFromProto leaves out what is no limit of ours: a newer cell may have more.
func totalsFromProto(data []byte) (source string, totals []tally.Total, err error) {
	var m limitv1.Totals
	if err := proto.Unmarshal(data, &m); err != nil {
		return "", nil, err
	}
	if m.GetSource() == "" || len(m.GetSource()) > 80 {
		return "", nil, errors.New("the source has no name, or too long a one")
	}
	for _, t := range m.GetTotals() {
		id, err := tenancy.ParseID(t.GetTenantId())
		if err != nil {
			return "", nil, err
		}
		if _, ok := tenancy.LimitNamed(t.GetLimit()); !ok || t.GetMinute().CheckValid() != nil || len(t.GetScope()) > 100 {
			continue
		}
		totals = append(totals, tally.Total{
			Tenant: id, Limit: t.GetLimit(), Scope: t.GetScope(), Minute: t.GetMinute().AsTime().Truncate(time.Minute),
			Used: t.GetUsed(), Maximum: t.GetMaximum(), Refused: t.GetRefused(),
		})
	}
	return m.GetSource(), totals, nil
}
