package rpc

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/attribution"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// shared is a bill that is shared out.
type shared struct {
	number   string
	period   rating.Period
	currency money.Currency
	subtotal money.Amount
	lines    []rating.Line
}

// ShareOut shares the lines of usage of a bill out to those who used.
func (s *Invoices) ShareOut(ctx context.Context, req *invoicev1.ShareOutRequest) (*invoicev1.ShareOutResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	bill, err := s.shared(ctx, p.Tenant, req.GetInvoiceId())
	if err != nil {
		return nil, err
	}
	users, err := usersFromProto(req.GetUsed())
	if err != nil {
		return nil, err
	}
	shares, err := attribution.ShareOut(bill.lines, users)
	if err != nil {
		return nil, err
	}
	return sharesToProto(bill, shares, req.GetUsed()), nil
}

// shared finds the invoice, or the draft when none is named.
func (s *Invoices) shared(ctx context.Context, tenant tenancy.ID, reference string) (shared, error) {
	if reference == "" {
		d, err := s.Invoices.Draft(ctx, tenant)
		return shared{"", d.Period, d.Currency, d.Now.Subtotal, d.Now.Lines}, err
	}
	i, err := s.Invoices.Get(ctx, tenant, reference)
	if err != nil {
		return shared{}, err
	}
	out := shared{i.Number, i.Period, i.Currency, i.Subtotal, nil}
	for _, l := range i.Lines {
		out.lines = append(out.lines, l.Line)
	}
	return out, nil
}

// hides reports letters that nobody sees, with which a key looks like another.
func hides(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }

func usersFromProto(list []*invoicev1.UsedBy) ([]attribution.User, error) {
	users := make([]attribution.User, 0, len(list))
	for _, u := range list {
		if strings.ContainsFunc(u.GetKey(), hides) {
			return nil, fmt.Errorf("used.key %.100q: it has an invisible letter: %w", u.GetKey(), tenancy.ErrInvalid)
		}
		used := make(map[billing.Meter]uint64, len(u.GetMeters()))
		for name, n := range u.GetMeters() {
			if !billing.Meter(name).Valid() {
				return nil, fmt.Errorf("meter %.40q of %.100q: there is no such: %w", name, u.GetKey(), tenancy.ErrInvalid)
			}
			used[billing.Meter(name)] = n
		}
		users = append(users, attribution.User{Key: u.GetKey(), Used: used})
	}
	return users, nil
}

func sharesToProto(bill shared, shares attribution.Shares, used []*invoicev1.UsedBy) *invoicev1.ShareOutResponse {
	out := &invoicev1.ShareOutResponse{
		Number: bill.number, Start: timestamppb.New(bill.period.Start), End: timestamppb.New(bill.period.End),
		Currency: string(bill.currency), CurrencyDigits: bill.currency.Digits(), RestMinor: int64(bill.subtotal), SubtotalMinor: int64(bill.subtotal),
	}
	for i, s := range shares.Users {
		share := &invoicev1.MoneyShare{Key: s.Key, AmountMinor: int64(s.Amount), Meters: make(map[string]int64, len(s.ByMeter)), Used: used[i].GetMeters()}
		for m, amount := range s.ByMeter {
			share.Meters[string(m)] = int64(amount)
		}
		out.RestMinor -= share.GetAmountMinor()
		out.Shares = append(out.Shares, share)
	}
	return out
}
