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
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// ErrUnreadable is a message that will never be understood.
var ErrUnreadable = errors.New("unreadable usage message")

// Ledger keeps totals.
type Ledger interface {
	// Record writes the totals of one cell and returns when they are durable. Older versions change nothing. The totals of
	// a tenant that does not exist, or does not live in that cell, are left out; refused says which and why, in order of
	// tenants. With an error, nothing is written.
	Record(ctx context.Context, cell string, totals []billing.Total) (refused []error, err error)
}

// maxTotals bounds one message.
const maxTotals = 100_000

// Collector takes messages. Taking one twice is the same as once.
type Collector struct {
	ledger Ledger
	log    *slog.Logger
}

// New returns a collector; it logs the tenants that it leaves out.
func New(ledger Ledger, log *slog.Logger) *Collector { return &Collector{ledger: ledger, log: log} }

// Take records one message of a cell; the cell is that of the subject it came on, and no total may name another.
func (c *Collector) Take(ctx context.Context, cell string, data []byte) error {
	totals, err := totalsFromProto(cell, data)
	if err != nil {
		return err
	}
	refused, err := c.ledger.Record(ctx, cell, totals)
	for _, r := range refused {
		c.log.WarnContext(ctx, "left out a tenant's usage", slog.String("cell", cell), slog.Any("error", r))
	}
	return err
}

func totalsFromProto(cell string, data []byte) ([]billing.Total, error) {
	var m usagev1.Totals
	if err := proto.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if len(m.GetTotals()) > maxTotals {
		return nil, fmt.Errorf("%w: %d totals in one message", ErrUnreadable, len(m.GetTotals()))
	}
	totals := make([]billing.Total, 0, len(m.GetTotals()))
	for i, t := range m.GetTotals() {
		id, err := tenancy.ParseID(t.GetTenantId())
		if err != nil {
			return nil, fmt.Errorf("%w: total %d: %w", ErrUnreadable, i, err)
		}
		hour := t.GetHour().AsTime()
		meter := billing.Meter(t.GetMeter())
		switch {
		case t.GetCell() != cell:
			return nil, fmt.Errorf("%w: total %d is of cell %q, came from %q", ErrUnreadable, i, t.GetCell(), cell)
		case !meter.Valid():
			return nil, fmt.Errorf("%w: total %d has the unknown meter %q", ErrUnreadable, i, meter)
		case t.GetHour() == nil || !hour.Equal(hour.Truncate(time.Hour)):
			return nil, fmt.Errorf("%w: total %d: %s is not the start of an hour", ErrUnreadable, i, hour)
		case t.GetValue() > math.MaxInt64 || t.GetVersion() > math.MaxInt64 || t.GetPartition() > math.MaxInt32:
			return nil, fmt.Errorf("%w: total %d is out of range", ErrUnreadable, i)
		}
		totals = append(totals, billing.Total{
			Tenant: id, Cell: cell, Partition: t.GetPartition(), Hour: hour, Meter: meter, Value: t.GetValue(), Version: t.GetVersion(),
		})
	}
	return totals, nil
}
