// Package payment is the noun of how frozen invoices are collected: the account of a tenant at the payment provider, how it stands, and what
// becomes of it when a payment fails. outbox, stripe, postgres and rpc import it; it imports no vendor and no generated code.
package payment

import (
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/tenancy"
)

// Standing says how a tenant stands with its payments.
type Standing string

// The standings.
const (
	Good      Standing = "good"
	PastDue   Standing = "past_due"
	Suspended Standing = "suspended"
)

// Card is what of a payment method may be shown. The zero value is none.
type Card struct {
	Brand, Last4 string
	Month, Year  int
}

// ExpiresSoon reports whether the card ends before the month after now's does.
func (c Card) ExpiresSoon(now time.Time) bool {
	if c.Last4 == "" {
		return false
	}
	ends := time.Date(c.Year, time.Month(c.Month)+1, 1, 0, 0, 0, 0, time.UTC)
	return ends.Before(now.UTC().AddDate(0, 1, 0))
}

// Account is a tenant at the payment provider.
type Account struct {
	Tenant tenancy.ID
	// Customer is the provider's name of it; empty: it is not there yet.
	Customer string
	// Name and Generation are what its creation is asked for with: the same again after a crash.
	Name       string
	Generation int
	// IntendedAt is when its creation was first asked for under that generation.
	IntendedAt time.Time
	Card       Card
	// Adopt: a card was entered just now and becomes the one that is charged.
	Adopt bool
	// Cards counts the cards that were adopted.
	Cards    int
	Standing Standing
	// PastDueSince and GraceEnds are on the clock of billing.
	PastDueSince, GraceEnds time.Time
	// Noticed is the last notice of what is overdue.
	Noticed Notice
}

// State says how far the payment of an invoice is.
type State string

// The states of a payment.
const (
	Pending State = "pending"
	Paid    State = "paid"
	Failed  State = "failed"
	Void    State = "void"
)

// Line is one line of a bill as the customer reads it.
type Line struct {
	Text   string `json:"text"`
	Amount int64  `json:"amount"`
}

// Bill is what is collected: a frozen invoice in the provider's terms. Every request is made of it and of nothing else, so that a repetition is
// the same request.
type Bill struct {
	Invoice  string         `json:"invoice"`
	Number   string         `json:"number"`
	Name     string         `json:"name"`
	Currency money.Currency `json:"currency"`
	Lines    []Line         `json:"lines"`
	// Total is the sum of the lines, above zero.
	Total int64 `json:"total"`
}

// MaxLines is how many lines are sent one by one; what is beyond is sent as one.
const MaxLines = 100

// Fold bounds the lines and keeps their sum.
func (b Bill) Fold() Bill {
	if len(b.Lines) <= MaxLines {
		return b
	}
	rest := Line{Text: "Further lines of invoice " + b.Number}
	for _, l := range b.Lines[MaxLines-1:] {
		rest.Amount += l.Amount
	}
	b.Lines = append(append([]Line(nil), b.Lines[:MaxLines-1]...), rest)
	return b
}

// Sum is what the lines come to.
func (b Bill) Sum() (total int64) {
	for _, l := range b.Lines {
		total += l.Amount
	}
	return total
}

// Payment is the payment of one invoice.
type Payment struct {
	Tenant    tenancy.ID
	Bill      Bill
	State     State
	Charges   int
	Decline   string
	Reference string
	CreatedAt time.Time
	PaidAt    time.Time
}

// Due is what a tenant owes whose payment failed.
type Due struct {
	Currency money.Currency
	Amount   int64
	// Decline is why the last attempt failed.
	Decline string
}

// Debtor is a tenant that owes a payment.
type Debtor struct {
	Account
	TenantName string
	Due        Due
}

// Event is what the payment provider told us.
type Event struct {
	ID, Type string
	// Object is what it is about, Customer whom; Entry is that of our outbox, if it is about an invoice.
	Object, Customer, Entry string
	CreatedAt               time.Time
	ReceivedAt              time.Time
	// CardEntered: the customer has just entered a card.
	CardEntered bool
	// Tenant is empty for a customer that nobody knows here.
	Tenant  tenancy.ID
	Outcome string
}
