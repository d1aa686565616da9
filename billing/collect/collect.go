// Package collect takes usage totals from the cells into the ledger. It imports no vendor; package nats feeds it.
package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/reconciliation"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// ErrUnreadable is a message that will never be understood.
var ErrUnreadable = errors.New("unreadable usage message")

// Ledger keeps totals.
type Ledger interface {
	// Record writes the totals of one cell, and what it noted of hours that it counted again, and returns when they are durable. Older versions change nothing. The totals of
	// a tenant that does not exist, or does not live in that cell, are left out; refused says which and why, in order of
	// tenants. With an error, nothing is written.
	Record(ctx context.Context, cell string, totals []billing.Total, notes []reconciliation.Note) (refused []error, err error)
}

// maxTotals bounds one message.
const maxTotals = 100_000

// maxCounts bounds one note.
const maxCounts = 100

// Collector takes messages. Taking one twice is the same as once.
type Collector struct {
	ledger Ledger
	log    *slog.Logger
}

// New returns a collector; it logs the tenants that it leaves out.
func New(ledger Ledger, log *slog.Logger) *Collector { return &Collector{ledger: ledger, log: log} }

// Take records one message of a cell; the cell is that of the subject it came on, and no total may name another.
func (c *Collector) Take(ctx context.Context, cell string, data []byte) error {
	var m usagev1.Totals
	if err := proto.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	totals, unknown, err := totalsFromProto(cell, &m)
	if err != nil {
		return err
	}
	notes, err := notesFromProto(cell, &m)
	if err != nil {
		return err
	}
	for meter, n := range unknown {
		c.log.ErrorContext(ctx, "left out totals of a meter that this program does not know: the cell is newer", slog.String("cell", cell), slog.String("meter", meter), slog.Int("totals", n))
	}
	refused, err := c.ledger.Record(ctx, cell, totals, notes)
	for _, r := range refused {
		c.log.WarnContext(ctx, "left out a tenant's usage", slog.String("cell", cell), slog.Any("error", r))
	}
	return err
}

// totalsFromProto reads a message. What names a meter that is not known is left out and counted by that name: the other totals of the message
// are no worse for it.
func totalsFromProto(cell string, m *usagev1.Totals) (totals []billing.Total, unknown map[string]int, err error) {
	if len(m.GetTotals()) > maxTotals {
		return nil, nil, fmt.Errorf("%w: %d totals in one message", ErrUnreadable, len(m.GetTotals()))
	}
	unknown = map[string]int{}
	totals = make([]billing.Total, 0, len(m.GetTotals()))
	for i, t := range m.GetTotals() {
		total, err := totalFromProto(cell, t)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: total %d: %w", ErrUnreadable, i, err)
		}
		if !total.Meter.Valid() {
			unknown[t.GetMeter()]++
			continue
		}
		totals = append(totals, total)
	}
	return totals, unknown, nil
}

func totalFromProto(cell string, t *usagev1.Total) (total billing.Total, err error) {
	id, err := tenancy.ParseID(t.GetTenantId())
	if err != nil {
		return total, err
	}
	hour := t.GetHour().AsTime()
	switch {
	case t.GetCell() != cell:
		return total, fmt.Errorf("it is of cell %q, came from %q", t.GetCell(), cell)
	case t.GetHour() == nil || !hour.Equal(hour.Truncate(time.Hour)):
		return total, fmt.Errorf("%s is not the start of an hour", hour)
	case t.GetValue() > math.MaxInt64 || t.GetVersion() > math.MaxInt64 || t.GetPartition() > math.MaxInt32:
		return total, errors.New("a number is out of range")
	}
	return billing.Total{
		Tenant: id, Cell: cell, Partition: t.GetPartition(), Hour: hour, Meter: billing.Meter(t.GetMeter()), Value: t.GetValue(), Version: t.GetVersion(),
	}, nil
}

// notesFromProto reads what the cell found when it counted hours again.
func notesFromProto(cell string, m *usagev1.Totals) (notes []reconciliation.Note, err error) {
	if len(m.GetNotes()) > maxTotals {
		return nil, fmt.Errorf("%w: %d notes in one message", ErrUnreadable, len(m.GetNotes()))
	}
	for i, n := range m.GetNotes() {
		for _, c := range n.GetCounts() {
			total, err := totalFromProto(cell, &usagev1.Total{
				TenantId: n.GetTenantId(), Cell: n.GetCell(), Partition: n.GetPartition(), Hour: n.GetHour(), Meter: c.GetMeter(), Value: c.GetCounted(), Version: n.GetVersion(),
			})
			switch {
			case err != nil:
				return nil, fmt.Errorf("%w: note %d: %w", ErrUnreadable, i, err)
			case c.GetStored() > math.MaxInt64 || n.GetNotedAt().CheckValid() != nil || len(n.GetCounts()) > maxCounts:
				return nil, fmt.Errorf("%w: note %d is out of range", ErrUnreadable, i)
			case total.Meter.Valid():
				notes = append(notes, reconciliation.Note{
					Tenant: total.Tenant, Cell: cell, Partition: total.Partition, Hour: total.Hour, Meter: total.Meter,
					Version: total.Version, Counted: total.Value, Stored: c.GetStored(), At: n.GetNotedAt().AsTime(),
				})
			}
		}
	}
	return notes, nil
}
