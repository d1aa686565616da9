package verify

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	tenantv1 "github.com/millwright-io/millwright/proto/gen/millwright/tenant/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// draft in place of an invoice's id is the bill of the current month.
const draft = "draft"

func invoiceCommand() command.Command {
	return command.Command{
		Name: "verify invoice", Args: "ID", Summary: "rebuild an invoice, or the draft, from the ledger, the cell's totals and the stored events",
		Details: "Every line of usage is followed to the ledger's totals by hour and partition, those to what the cell noted when the hour had settled, " +
			"and both to a count of the stored events and dead letters made now. Where retention has removed events, the cell's notes stand for them, and " +
			"the output says so. ID may be \"draft\". One unit of difference ends with exit code 1.",
		Prepare: func(fs *flag.FlagSet) command.Run {
			options := rpc.Flags(fs)
			wait := fs.Duration("wait", 60*time.Second, "how long to wait for what is still on its way")
			return func(ctx context.Context, e command.Env, args []string) error {
				api, err := options.Dial(e)
				if err != nil {
					return err
				}
				cell, err := api.Cell(ctx)
				if err != nil {
					return err
				}
				answer, err := api.Tenants.Get(ctx, &tenantv1.GetRequest{})
				if err != nil {
					return rpc.Explain(err)
				}
				tenant := answer.GetTenant().GetTenantId()
				read := func(ctx context.Context) (Statement, error) { return readStatement(ctx, api.Invoices, tenant, args[0]) }
				return Invoice(ctx, read, api.Usage, cell, *wait, e.Out, e.Now)
			}
		},
	}
}

// Statement is a bill to be verified.
type Statement struct {
	// Name is what it is called.
	Name, Tenant string
	Start, End   time.Time
	Lines        []Line
}

// Line is a line of usage.
type Line struct {
	// Position is its place on an invoice.
	Position   int32
	Meter      string
	Start, End time.Time
	Quantity   uint64
	// Snapshot is the hash of what the line was frozen with, empty in a draft; Frozen is that, by hour in Unix seconds.
	Snapshot string
	Frozen   map[int64]uint64
}

// Totals are what is needed of the UsageService.
type Totals interface {
	ListTotals(context.Context, *usagev1.ListTotalsRequest) (*usagev1.ListTotalsResponse, error)
}

// Counts are what is needed of the TelemetryService.
type Counts interface {
	CountUsage(context.Context, *telemetryv1.CountUsageRequest) (*telemetryv1.CountUsageResponse, error)
}

// Invoice verifies a statement and prints how its numbers follow from each other, and what differs; then it returns a Reported error. A
// difference that may be on its way still is looked at again until wait has passed.
func Invoice(ctx context.Context, read func(context.Context) (Statement, error), ledger Totals, cell Counts, wait time.Duration, out io.Writer, now func() time.Time) error {
	deadline := now().Add(wait)
	for {
		s, err := read(ctx)
		if err != nil {
			return err
		}
		b, err := readBooks(ctx, s, ledger, cell, now())
		if err != nil {
			return err
		}
		c := b.follow(s)
		if len(c.different) == 0 || now().After(deadline) || !c.young(now()) {
			return c.print(out, s, b)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// readBooks reads ledger, notes and rows of a statement's time, day by day.
func readBooks(ctx context.Context, s Statement, ledger Totals, cell Counts, now time.Time) (*accounts, error) {
	b := newBooks()
	end := s.End
	if now.Before(end) {
		end = now
	}
	for day := s.Start; day.Before(end); day = day.Add(24 * time.Hour) {
		from, to := timestamppb.New(day), timestamppb.New(earlier(day.Add(24*time.Hour), s.End))
		// The rows first: what is counted while they are read makes the ledger's totals higher, and is looked at again.
		counts, err := cell.CountUsage(ctx, &telemetryv1.CountUsageRequest{Start: from, End: to})
		if err != nil {
			return nil, rpc.Explain(err)
		}
		totals, err := ledger.ListTotals(ctx, &usagev1.ListTotalsRequest{Start: from, End: to})
		if err != nil {
			return nil, rpc.Explain(err)
		}
		b.add(totals, counts)
	}
	return b, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Invoices are what is needed of the InvoiceService.
type Invoices interface {
	GetDraft(context.Context, *invoicev1.GetDraftRequest) (*invoicev1.GetDraftResponse, error)
	Get(context.Context, *invoicev1.GetRequest) (*invoicev1.GetResponse, error)
	GetLineUsage(context.Context, *invoicev1.GetLineUsageRequest) (*invoicev1.GetLineUsageResponse, error)
}

// readStatement reads the draft, or a frozen invoice with what its lines were made of.
func readStatement(ctx context.Context, invoices Invoices, tenant, id string) (Statement, error) {
	if id == draft {
		answer, err := invoices.GetDraft(ctx, &invoicev1.GetDraftRequest{})
		if err != nil {
			return Statement{}, rpc.Explain(err)
		}
		return statement(draft, tenant, answer.GetBill()), nil
	}
	answer, err := invoices.Get(ctx, &invoicev1.GetRequest{InvoiceId: id})
	if err != nil {
		return Statement{}, rpc.Explain(err)
	}
	frozen := answer.GetInvoice()
	s := statement("invoice "+frozen.GetNumber()+", sha256 "+frozen.GetSha256(), tenant, frozen.GetBill())
	for i := range s.Lines {
		l := &s.Lines[i]
		usage, err := invoices.GetLineUsage(ctx, &invoicev1.GetLineUsageRequest{InvoiceId: frozen.GetInvoiceId(), Position: l.Position})
		if err != nil {
			return Statement{}, rpc.Explain(err)
		}
		l.Frozen = map[int64]uint64{}
		for _, day := range usage.GetDays() {
			for _, hour := range day.GetHours() {
				l.Frozen[hour.GetStart().GetSeconds()] = hour.GetQuantity()
			}
		}
	}
	return s, nil
}

func statement(name, tenant string, bill *invoicev1.Bill) Statement {
	s := Statement{Name: name, Tenant: tenant, Start: bill.GetStart().AsTime(), End: bill.GetEnd().AsTime()}
	for _, l := range bill.GetLines() {
		if l.GetKind() == invoicev1.LineKind_LINE_KIND_USAGE {
			s.Lines = append(s.Lines, Line{
				Position: l.GetPosition(), Meter: l.GetMeter(), Start: l.GetStart().AsTime(), End: l.GetEnd().AsTime(), Quantity: l.GetQuantity(), Snapshot: l.GetSnapshotId(),
			})
		}
	}
	return s
}

// snapshotOf is the hash of a line's frozen usage, in the text that billing describes: docs/billing.md, "Invoices".
func snapshotOf(tenant string, l Line) string {
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	text := sha256.New()
	_, _ = fmt.Fprintf(text, "millwright-usage 1\ntenant %s\nmeter %s\nfrom %s\nto %s\n", tenant, l.Meter, stamp(l.Start), stamp(l.End))
	for _, hour := range slices.Sorted(maps.Keys(l.Frozen)) {
		if value := l.Frozen[hour]; value > 0 {
			_, _ = fmt.Fprintf(text, "%s %d\n", stamp(time.Unix(hour, 0)), value)
		}
	}
	return fmt.Sprintf("%x", text.Sum(nil))
}

// name of a line in the output.
func (l Line) name() string {
	return fmt.Sprintf("%s from %s to %s", l.Meter, l.Start.UTC().Format(time.RFC3339), l.End.UTC().Format(time.RFC3339))
}
