package client

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	devicev1 "github.com/millwright-io/millwright/proto/gen/millwright/device/v1"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
)

// otherDevices is the key of all that the cell does not name.
const otherDevices = "(other devices)"

// attributionCommands show whose a bill is.
func attributionCommands() []command.Command {
	return []command.Command{{
		Name: "usage attribution", Summary: "show who used a month, and what of its bill is whose: by facility, group, label or device",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			by := fs.String("by", "facility", "facility, group, label or device")
			label := fs.String("label", "", "the `KEY` whose values are told apart, with --by label")
			month := fs.String("month", "", "a `MONTH` such as 2026-11 (default the one that is billed now)")
			return func(ctx context.Context, c *call) error {
				if !slices.Contains([]string{"facility", "group", "label", "device"}, *by) {
					return command.Usage("--by %q: want facility, group, label or device", *by)
				}
				if (*by == "label") != (*label != "") {
					return command.Usage("--label KEY belongs to --by label, and is needed there")
				}
				invoice, start, end, err := billOf(ctx, c, *month)
				if err != nil {
					return err
				}
				used, since, err := usedBy(ctx, c, *by, *label, start, end)
				if err != nil {
					return err
				}
				answer, err := c.Invoices.ShareOut(ctx, &invoicev1.ShareOutRequest{InvoiceId: invoice, Used: used})
				if err == nil && since.IsValid() && since.AsTime().After(start.AsTime()) {
					_, _ = fmt.Fprintf(c.env.Err, "what was received before %s may be gone: the shares are of what is left\n", at(since))
				}
				return c.answer(answer, err, func(w io.Writer) { printShares(w, answer) })
			}
		}),
	}}
}

// billOf finds the bill of a month: the draft, whose reference is empty, or an invoice.
func billOf(ctx context.Context, c *call, month string) (invoice string, start, end *timestamppb.Timestamp, err error) {
	var want time.Time
	if month != "" {
		if want, err = time.Parse("2006-01", month); err != nil {
			return "", nil, nil, command.Usage("--month %q: want a year and a month, e.g. 2026-11", month)
		}
	}
	draft, err := c.Invoices.GetDraft(ctx, &invoicev1.GetDraftRequest{})
	if err != nil {
		return "", nil, nil, rpc.Explain(err)
	}
	bill := draft.GetBill()
	if month == "" || bill.GetStart().AsTime().Equal(want) {
		return "", bill.GetStart(), bill.GetEnd(), nil
	}
	page, err := c.Invoices.List(ctx, &invoicev1.ListRequest{PageSize: 1, PageToken: want.AddDate(0, 1, 0).Format(time.RFC3339)})
	if err != nil {
		return "", nil, nil, rpc.Explain(err)
	}
	for _, i := range page.GetInvoices() {
		if i.GetBill().GetStart().AsTime().Equal(want) {
			return i.GetNumber(), i.GetBill().GetStart(), i.GetBill().GetEnd(), nil
		}
	}
	return "", nil, nil, fmt.Errorf("%s has no invoice: `millwright invoice list` shows the months that have", month)
}

// usedBy asks the cell who used what, and since when it still has rows.
func usedBy(ctx context.Context, c *call, by, label string, start, end *timestamppb.Timestamp) (used []*invoicev1.UsedBy, since *timestamppb.Timestamp, err error) {
	cell, err := c.Cell(ctx)
	if err != nil {
		return nil, nil, err
	}
	groupings := map[string]telemetryv1.UsageGrouping{
		"facility": telemetryv1.UsageGrouping_USAGE_GROUPING_FACILITY, "group": telemetryv1.UsageGrouping_USAGE_GROUPING_GROUP,
	}
	if grouping, ok := groupings[by]; ok {
		answer, err := cell.AttributeUsage(ctx, &telemetryv1.AttributeUsageRequest{Start: start, End: end, By: grouping})
		if err != nil {
			return nil, nil, rpc.Explain(err)
		}
		return usedOf(answer.GetShares(), answer.GetOther(), func(key string) string { return key }), answer.GetRowsSince(), nil
	}
	answer, err := cell.UsageByDevice(ctx, &telemetryv1.UsageByDeviceRequest{Start: start, End: end})
	if err != nil {
		return nil, nil, rpc.Explain(err)
	}
	key := func(device string) string { return device }
	if label != "" {
		labelled, err := listDevices(ctx, c, &devicev1.ListRequest{Labels: []string{label}}, 0)
		if err != nil {
			return nil, nil, err
		}
		values := make(map[string]string, len(labelled.GetDevices()))
		for _, d := range labelled.GetDevices() {
			values[d.GetDeviceId()] = d.GetLabels()[label]
		}
		key = func(device string) string { return values[device] }
	}
	return usedOf(answer.GetShares(), answer.GetOther(), key), answer.GetRowsSince(), nil
}

// usedOf adds up what has one key.
func usedOf(shares []*telemetryv1.UsageShare, other *telemetryv1.UsageShare, key func(string) string) (list []*invoicev1.UsedBy) {
	byKey := map[string]*invoicev1.UsedBy{}
	add := func(key string, s *telemetryv1.UsageShare) {
		u := byKey[key]
		if u == nil {
			u = &invoicev1.UsedBy{Key: key, Meters: map[string]uint64{}}
			byKey[key], list = u, append(list, u)
		}
		u.Meters["events"] += s.GetEvents()
		u.Meters["points"] += s.GetPoints()
		u.Meters["bytes"] += s.GetBytes()
		u.Meters["device_hours"] += s.GetDeviceHours()
	}
	for _, s := range shares {
		add(key(s.GetKey()), s)
	}
	if other != nil {
		add(otherDevices, other)
	}
	return list
}

func printShares(w io.Writer, answer *invoicev1.ShareOutResponse) {
	shares := slices.Clone(answer.GetShares())
	slices.SortStableFunc(shares, func(a, b *invoicev1.MoneyShare) int { return cmp.Compare(b.GetAmountMinor(), a.GetAmountMinor()) })
	money := func(units int64) string { return amount(units, answer.GetCurrency(), answer.GetCurrencyDigits()) }
	table(w, "KEY EVENTS POINTS BYTES DEVICE_HOURS AMOUNT", func(row func(...any)) {
		for _, s := range shares {
			key := s.GetKey()
			if key == "" {
				key = "(none)"
			}
			used := s.GetUsed()
			row(key, used["events"], used["points"], used["bytes"], used["device_hours"], money(s.GetAmountMinor()))
		}
	})
	of := "the draft"
	if answer.GetNumber() != "" {
		of = "invoice " + answer.GetNumber()
	}
	_, _ = fmt.Fprintf(w, "%s of %s, %s to %s; nobody's are %s of it: the plan's fee, discounts and what no device makes\n",
		money(answer.GetSubtotalMinor()), of, at(answer.GetStart()), at(answer.GetEnd()), money(answer.GetRestMinor()))
}
