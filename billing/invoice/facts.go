package invoice

import (
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// Facts are all that a month's bill follows from, besides the price book; a store reads them at one moment.
type Facts struct {
	Subscription subscription.Subscription
	Period       rating.Period
	// Hours are the ledger's, of the period and of the earlier invoices.
	Hours []billing.Hour
	// Earlier are the invoices that are still corrected when usage comes late.
	Earlier []Earlier
	// Adjustments are those that are on no invoice yet.
	Adjustments []Adjustment
	Coupons     []rating.Coupon
	Credits     []Credit
	// Tax is in per cent.
	Tax money.Price
}

// Earlier is an invoice with what it has been corrected by.
type Earlier struct {
	ID, Number string
	Terms      Terms
	Subtotal   money.Amount
	// Corrected is the sum of adjustments for late usage so far.
	Corrected money.Amount
}

// Adjustment corrects an earlier bill.
type Adjustment struct {
	ID       string
	Currency money.Currency
	Amount   money.Amount
	Reason   string
	// Of is the id of the invoice that was rated anew; empty: none was.
	Of string
}

// Credit was paid in advance.
type Credit struct {
	ID        string
	Currency  money.Currency
	Left      money.Amount
	ExpiresAt time.Time
}

// Taxes say what tax a tenant pays on a month's bill, in per cent. They are asked whenever a month is rated, and must say the same of the
// same month each time; what is on an invoice stays.
type Taxes interface {
	Percent(s subscription.Subscription, period rating.Period) (money.Price, error)
}

// NoTaxes are those of an installation that collects none.
type NoTaxes struct{}

// Percent implements Taxes.
func (NoTaxes) Percent(subscription.Subscription, rating.Period) (money.Price, error) {
	return money.Price{}, nil
}

// LateMonths is for how many months after its own a usage that comes late is still billed or given back.
const LateMonths = 3

// terms are a month's terms by the price book of its start.
func (f Facts) terms(books price.Books) (Terms, string, error) {
	book, err := books.At(f.Period.Start)
	if err != nil {
		return Terms{}, "", err
	}
	s := f.Subscription
	t := Terms{Period: f.Period, Currency: s.Currency, Discount: s.Contract.Discount, Coupons: f.coupons(), Tax: f.Tax}
	t.Stretches, err = s.Stretches(book, f.Period)
	return t, book.Version, err
}

// coupons are those of the bill's currency, and all percentages.
func (f Facts) coupons() (list []rating.Coupon) {
	for _, c := range f.Coupons {
		if c.Currency == "" || c.Currency == f.Subscription.Currency {
			list = append(list, c)
		}
	}
	return list
}

// late are the adjustments that usage makes necessary which came after a bill was frozen: each is the difference between the
// bill as it would be now and as it was, with what it has been corrected by.
func (f Facts) late() (list []Adjustment, err error) {
	for _, e := range f.Earlier {
		bill, err := rating.Rate(e.Terms.input(f.Hours))
		if err != nil {
			return nil, fmt.Errorf("rate %s anew: %w", e.Number, err)
		}
		if amount := bill.Subtotal - e.Subtotal - e.Corrected; amount != 0 {
			list = append(list, Adjustment{
				ID:       fmt.Sprintf("late/%s/%s", e.ID, f.Period.Start.Format("2006-01")),
				Currency: e.Terms.Currency, Amount: amount, Of: e.ID,
				Reason: fmt.Sprintf("usage of %s that was counted after invoice %s", e.Terms.Period.Start.Format("January 2006"), e.Number),
			})
		}
	}
	return list, nil
}

// input is what is rated: the terms with the ledger's usage.
func (t Terms) input(hours []billing.Hour) rating.Input {
	in := rating.Input{Period: t.Period, Currency: t.Currency, Discount: t.Discount, Coupons: t.Coupons, Tax: t.Tax}
	for _, s := range t.Stretches {
		s.Usage = usage(hours, s.From, s.To)
		in.Stretches = append(in.Stretches, s)
	}
	return in
}

func usage(hours []billing.Hour, from, to time.Time) map[billing.Meter]uint64 {
	sum := make(map[billing.Meter]uint64)
	for _, h := range hours {
		if h.Start.Before(from) || !h.Start.Before(to) {
			continue
		}
		for m, value := range h.Used {
			sum[m] += value
		}
	}
	return sum
}

// Assembled is a month's input with what becomes of it when it is frozen.
type Assembled struct {
	Input rating.Input
	Terms Terms
	Book  string
	// Late are new adjustments.
	Late []Adjustment
	// Settled are all adjustments that are on the bill, those of Late included.
	Settled []Adjustment
}

// Assemble makes a month's input of the facts.
func Assemble(books price.Books, f Facts) (a Assembled, err error) {
	if a.Terms, a.Book, err = f.terms(books); err != nil {
		return a, err
	}
	if a.Late, err = f.late(); err != nil {
		return a, err
	}
	a.Input = a.Terms.input(f.Hours)
	for _, list := range [][]Adjustment{f.Adjustments, a.Late} {
		for _, adj := range list {
			if adj.Currency == a.Terms.Currency {
				a.Settled = append(a.Settled, adj)
				a.Input.Adjustments = append(a.Input.Adjustments, rating.Adjustment{ID: adj.ID, Reason: adj.Reason, Amount: adj.Amount})
			}
		}
	}
	for _, c := range f.Credits {
		if c.Currency == a.Terms.Currency && c.Left > 0 {
			a.Input.Credits = append(a.Input.Credits, rating.Credit{ID: c.ID, Left: c.Left, ExpiresAt: c.ExpiresAt})
		}
	}
	return a, nil
}

// Frozen is an invoice that has yet to get its number, with what is kept beside it.
type Frozen struct {
	Invoice   Invoice
	Snapshots []Snapshot
	// Settled are the ids of adjustments that are on it; New those that are made with it, the carried one included.
	Settled []string
	New     []Adjustment
	// Used are the credits that it uses, by id.
	Used map[string]money.Amount
}

// errWaits says that a month is not closed yet: the tenant was asked to be deleted in it, which can be cancelled.
var errWaits = errors.New("the deletion of the tenant is not decided")

// Freeze makes the invoice of a month that has ended; nil when there is nothing to be billed: no price book held at its start, or the
// tenant had ended. final says that the tenant is being removed.
func Freeze(books price.Books, f Facts, issued time.Time, payIn time.Duration, final bool) (*Frozen, error) {
	a, err := Assemble(books, f)
	if errors.Is(err, tenancy.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is nothing to be billed
	}
	if err != nil {
		return nil, fmt.Errorf("close %s of %s: %w", f.Period.Start.Format("2006-01"), f.Subscription.Tenant, err)
	}
	bill, err := rating.Rate(a.Input)
	if err != nil {
		return nil, fmt.Errorf("close %s of %s: %w", f.Period.Start.Format("2006-01"), f.Subscription.Tenant, err)
	}
	s := f.Subscription
	if !final && !s.Until.IsZero() && s.Until.Before(f.Period.End) {
		return nil, errWaits
	}
	if len(a.Input.Stretches) == 0 && len(a.Settled) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to be billed
	}
	issued = issued.UTC().Truncate(time.Second)
	out := &Frozen{New: a.Late, Used: map[string]money.Amount{}, Invoice: Invoice{
		ID: string(tenancy.NewID()), Tenant: s.Tenant, TenantName: s.Name, Period: f.Period, Final: final, Currency: a.Terms.Currency, Book: a.Book,
		IssuedAt: issued, DueAt: issued.Add(payIn), Subtotal: bill.Subtotal, Tax: bill.Tax, Total: bill.Total, Carried: bill.Carried,
		Terms: a.Terms, Status: StatusOpen, StatusAt: issued,
	}}
	if bill.Total == 0 {
		out.Invoice.Status = StatusPaid
	}
	reasons := map[string]string{}
	for _, adj := range a.Settled {
		out.Settled = append(out.Settled, adj.ID)
		reasons[adj.ID] = adj.Reason
	}
	for _, l := range bill.Lines {
		out.add(l, reasons, f.Hours)
	}
	if bill.Carried != 0 {
		out.New = append(out.New, Adjustment{
			ID: "carried/" + out.Invoice.ID, Currency: a.Terms.Currency, Amount: bill.Carried,
			Reason: "left of corrections in your favour of " + f.Period.Start.Format("January 2006"),
		})
	}
	return out, nil
}

func (f *Frozen) add(l rating.Line, reasons map[string]string, hours []billing.Hour) {
	line := Line{Line: l}
	switch l.Kind { //nolint:exhaustive // the others are made of nothing else
	case rating.KindUsage:
		snapshot := Take(f.Invoice.Tenant, l.Meter, l.From, l.To, hours)
		line.Snapshot = snapshot.SHA256
		f.Snapshots = append(f.Snapshots, snapshot)
	case rating.KindAdjustment:
		line.Reason = reasons[l.Reference]
	case rating.KindCredit:
		f.Used[l.Reference] += -l.Amount
	}
	f.Invoice.Lines = append(f.Invoice.Lines, line)
}
