// Package invoice is the noun of what a tenant is to pay for a month: the draft while the month goes on, and the bill that
// is frozen when it has ended. changes, postgres, pdf and rpc import it; it imports no vendor and no generated code.
package invoice

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// Status says how an invoice stands.
type Status string

// The statuses. Those of draft are of no invoice.
const (
	StatusDraft         Status = "draft"
	StatusOpen          Status = "open"
	StatusPaid          Status = "paid"
	StatusPastDue       Status = "past_due"
	StatusUncollectible Status = "uncollectible"
	StatusVoid          Status = "void"
)

// Unpaid reports whether somebody still has to pay it.
func (s Status) Unpaid() bool {
	return s == StatusOpen || s == StatusPastDue || s == StatusUncollectible
}

// Invoice is the bill of a month that has ended. But for Status, StatusAt and PaymentReference it never changes.
type Invoice struct {
	ID         string
	Tenant     tenancy.ID
	TenantName string
	// Number is e.g. 2026-000042, without gaps within the year of issue.
	Number   string
	Period   rating.Period
	Final    bool
	Currency money.Currency
	// Book is the version of the price book.
	Book     string
	IssuedAt time.Time
	DueAt    time.Time

	Subtotal, Tax, Total money.Amount
	// Carried is what is left of corrections in the customer's favour; never positive.
	Carried money.Amount
	Lines   []Line
	Terms   Terms
	// SHA256 is the hash of Canonical.
	SHA256 [sha256.Size]byte

	Status           Status
	StatusAt         time.Time
	PaymentReference string
	Notes            []Note
}

// Due is what is still to be paid.
func (i Invoice) Due() money.Amount {
	if !i.Status.Unpaid() {
		return 0
	}
	return i.Total
}

// Revenue is what was billed for a month in a currency: the total, and how much of it stands how.
type Revenue struct {
	Month                                    time.Time
	Currency                                 money.Currency
	Invoices                                 int64
	Subtotal, Tax, Total                     money.Amount
	Paid, Open, PastDue, Uncollectible, Void money.Amount
	// Credited was given back by credit notes.
	Credited money.Amount
}

// Note is a credit note: it takes an invoice back, in part or as a whole.
type Note struct {
	// Number is e.g. CN-2026-000007, without gaps within the year of issue.
	Number   string
	Invoice  string
	IssuedAt time.Time
	Amount   money.Amount
	Reason   string
	IssuedBy string
}

// Line is a line of an invoice.
type Line struct {
	rating.Line
	// Reason says why an adjustment was made.
	Reason string
	// Snapshot is the hash of the usage that the line was made of; zero: of none.
	Snapshot [sha256.Size]byte
}

// HasSnapshot reports whether the line was made of usage.
func (l Line) HasSnapshot() bool { return l.Snapshot != [sha256.Size]byte{} }

// Terms are all that a bill follows from, but usage and what was open before.
type Terms struct {
	Period    rating.Period    `json:"period"`
	Currency  money.Currency   `json:"currency"`
	Stretches []rating.Stretch `json:"stretches"`
	Discount  money.Price      `json:"discount,omitzero"`
	Coupons   []rating.Coupon  `json:"coupons,omitempty"`
	Tax       money.Price      `json:"tax,omitzero"`
}

// Canonical is the text whose hash seals an invoice: one form for one content.
func (i Invoice) Canonical() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { _, _ = fmt.Fprintf(&b, format+"\n", args...) }
	line("millwright-invoice 1")
	line("tenant %s", i.Tenant)
	line("name %q", i.TenantName)
	line("number %s", i.Number)
	line("period %s %s final=%t", stamp(i.Period.Start), stamp(i.Period.End), i.Final)
	line("issued %s due %s", stamp(i.IssuedAt), stamp(i.DueAt))
	line("book %s", i.Book)
	line("%s subtotal %d tax %d total %d carried %d", i.Currency, i.Subtotal, i.Tax, i.Total, i.Carried)
	for n, l := range i.Lines {
		line("line %d %s %s %s plan=%q meter=%s quantity=%d included=%d reference=%q reason=%q trial=%t snapshot=%x amount=%d", n+1, l.Kind,
			stamp(l.From), stamp(l.To), l.Plan, l.Meter, l.Quantity, l.Included, l.Reference, l.Reason, l.Trial, l.Snapshot, l.Amount)
		for _, p := range l.Parts {
			line("part %d price=%s per=%d flat=%s", p.Quantity, p.Price, p.Per, p.Flat)
		}
	}
	return []byte(b.String())
}

// Seal gives an invoice its number and its hash.
func (i *Invoice) Seal(number string) {
	i.Number = number
	i.SHA256 = sha256.Sum256(i.Canonical())
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
