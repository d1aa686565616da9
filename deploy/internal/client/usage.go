package client

import (
	"context"
	"flag"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// ledgerCommands show what usage is made of, and where it does not reconcile.
func ledgerCommands() []command.Command {
	return []command.Command{{
		Name: "usage totals", Summary: "show the ledger's rows of at most a day: what each partition of the cell, or process of it, counted",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			start, end := period(fs)
			return func(ctx context.Context, c *call) (err error) {
				req := &usagev1.ListTotalsRequest{}
				if req.Start, req.End, err = anHour(c, start, end); err != nil {
					return err
				}
				answer, err := c.Usage.ListTotals(ctx, req)
				return c.answer(answer, err, func(w io.Writer) {
					table(w, "HOUR CELL PARTITION METER VALUE VERSION", func(row func(...any)) {
						for _, t := range answer.GetTotals() {
							row(at(t.GetHour()), t.GetCell(), t.GetPartition(), t.GetMeter(), t.GetValue(), t.GetVersion())
						}
					})
				})
			}
		}),
	}, {
		Name: "usage recount", Summary: "count again what is stored of an hour or more, at most a day, beside what the cell noted when it did so",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			start, end := period(fs)
			return func(ctx context.Context, c *call) (err error) {
				req := &telemetryv1.CountUsageRequest{}
				if req.Start, req.End, err = anHour(c, start, end); err != nil {
					return err
				}
				cell, err := c.Cell(ctx)
				if err != nil {
					return err
				}
				answer, err := cell.CountUsage(ctx, req)
				return c.answer(answer, err, func(w io.Writer) {
					table(w, "HOUR PARTITION METER STORED NOTED_STORED NOTED_COUNTED VERSION NOTED", func(row func(...any)) {
						for _, r := range answer.GetRows() {
							row(at(r.GetHour()), r.GetPartition(), r.GetMeter(), r.GetStored(), "", "", "", "")
						}
						for _, n := range answer.GetNotes() {
							row(at(n.GetHour()), n.GetPartition(), n.GetMeter(), "", n.GetStored(), n.GetCounted(), n.GetVersion(), at(n.GetNotedAt()))
						}
					})
				})
			}
		}),
	}, {
		Name: "usage mismatches", Summary: "show where what is stored, what was counted and what the ledger has are not the same",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			resolved := fs.Bool("resolved", false, "also those that a later look found equal")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Usage.ListMismatches(ctx, &usagev1.ListMismatchesRequest{Resolved: *resolved})
				return c.answer(answer, err, func(w io.Writer) { printMismatches(w, answer.GetMismatches()) })
			}
		}),
	}, {
		Name: "usage all-mismatches", Summary: "show the same for all organisations; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			tenant := fs.String("of", "", "of this `TENANT` only")
			resolved := fs.Bool("resolved", false, "also those that a later look found equal")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Usage.ListAllMismatches(ctx, &usagev1.ListAllMismatchesRequest{TenantId: *tenant, Resolved: *resolved})
				return c.answer(answer, err, func(w io.Writer) { printMismatches(w, answer.GetMismatches()) })
			}
		}),
	}, {
		Name: "usage margins", Summary: "show what every organisation was billed in a month and what it cost us; for operators of the installation",
		Prepare: signedInVerb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			month := &moment{}
			fs.Var(month, "month", "a `TIME` in it, RFC 3339 or a span before now such as 720h (default now)")
			return func(ctx context.Context, c *call) (err error) {
				req := &usagev1.ListMarginsRequest{}
				if req.Month, err = month.at(c.env.Now()); err != nil {
					return err
				}
				answer, err := c.Usage.ListMargins(ctx, req)
				return c.answer(answer, err, func(w io.Writer) { printMargins(w, answer) })
			}
		}),
	}}
}

func printMargins(w io.Writer, answer *usagev1.ListMarginsResponse) {
	table(w, "TENANT NAME COST BILLED MARGIN", func(row func(...any)) {
		for _, m := range answer.GetMargins() {
			billed, left := "not closed", ""
			if m.BilledMinor != nil {
				billed = amount(m.GetBilledMinor(), m.GetBilledCurrency(), answer.GetCurrencyDigits())
			}
			if m.MarginMinor != nil {
				left = amount(m.GetMarginMinor(), answer.GetCurrency(), answer.GetCurrencyDigits())
			}
			row(m.GetTenantId(), m.GetName(), amount(m.GetCostMinor(), answer.GetCurrency(), answer.GetCurrencyDigits()), billed, left)
		}
	})
}

// anHour is the range that was asked for; without a start the last hour of it.
func anHour(c *call, start, end *moment) (from, to *timestamppb.Timestamp, err error) {
	if to, err = end.at(c.env.Now()); err != nil {
		return nil, nil, err
	}
	if to == nil {
		to = timestamppb.New(c.env.Now())
	}
	if from, err = start.at(c.env.Now()); err != nil {
		return nil, nil, err
	}
	if from == nil {
		from = timestamppb.New(to.AsTime().Add(-time.Hour))
	}
	return from, to, nil
}

func printMismatches(w io.Writer, list []*usagev1.Mismatch) {
	table(w, "TENANT HOUR CELL PARTITION METER KIND LEDGER COUNTED STORED FOUND RESOLVED", func(row func(...any)) {
		for _, m := range list {
			row(m.GetTenantId(), at(m.GetHour()), m.GetCell(), m.GetPartition(), m.GetMeter(), word(m.GetKind(), "MISMATCH_KIND_"),
				m.GetLedger(), m.GetCounted(), m.GetStored(), at(m.GetFoundAt()), at(m.GetResolvedAt()))
		}
	})
}
