// Package outbox is the noun of what is on its way to the payment provider: for each frozen invoice one entry, taken step by step. Every request is
// recorded before it is sent and after, so that a process that ends anywhere is followed by one that sends the same request under the same
// key, or finds what the first one made. postgres implements its store, stripe its provider; it imports no vendor and no generated code.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/billing/payment"
	"github.com/millwright-io/millwright/tenancy"
)

// Step is how far an entry is.
type Step string

// The steps of an entry, in order.
const (
	StepCustomer Step = "customer"
	StepInvoice  Step = "invoice"
	StepItems    Step = "items"
	StepFinalize Step = "finalize"
	StepPayment  Step = "payment"
)

// State says what becomes of an entry.
type State string

// The states of an entry.
const (
	Working  State = "working"
	Awaiting State = "awaiting"
	Done     State = "done"
	Parked   State = "parked"
)

// Entry is what is sent to the provider for one frozen invoice.
type Entry struct {
	ID       string
	Tenant   tenancy.ID
	Bill     payment.Bill
	State    State
	Step     Step
	Attempts int
	Failure  string
	// Reference is the provider's name of the invoice.
	Reference string
	Payment   payment.State
	Charges   int
	Decline   string
	// CardTried is the number of the card that it was tried with.
	CardTried int
	CreatedAt time.Time
	PaidAt    time.Time
	// DueAt is when the step is tried next.
	DueAt time.Time
}

// Request is one request of an entry as it was recorded before it was sent.
type Request struct {
	// Generation counts the keys under which it was sent.
	Generation int
	// IntendedAt is when it was recorded under this one.
	IntendedAt time.Time
	// Earlier: it may have been sent before.
	Earlier bool
	// Doubtful: an answer under this key is of no use.
	Doubtful bool
	// Result is what it came to, once that is known.
	Result string
	Known  bool
}

// Work is something that is due, taken under a lease.
type Work struct {
	Object string
	Tenant tenancy.ID
	// Account: the tenant's account is to be looked after; else the object is an entry.
	Account bool
	Lease   string
}

// ErrLeaseLost says that somebody else has the work now, so that nothing may be written.
var ErrLeaseLost = errors.New("somebody else has this work now")

// ErrTakenBack says that the invoice of an entry is void, so that nothing may be sent for it.
var ErrTakenBack = errors.New("the invoice was taken back by a credit note before it was charged")

// Store keeps entries and what is due. Whatever is written under a lease fails with ErrLeaseLost when it is somebody else's.
type Store interface {
	// Claim takes what is due for longest, until the lease ends.
	Claim(ctx context.Context, now, leaseEnds time.Time) (w Work, ok bool, err error)
	// Entry returns an entry.
	Entry(ctx context.Context, id tenancy.ID, entry string) (Entry, error)
	// Intend records a request before it is sent, or returns it as it was recorded; it lengthens the lease. For an invoice that is void it is an
	// ErrTakenBack; once the request to finalize is recorded, no credit note makes the invoice void.
	Intend(ctx context.Context, w Work, request string, now, leaseEnds time.Time) (Request, error)
	// Again records that a request is sent under another key.
	Again(ctx context.Context, w Work, request string, now time.Time) (Request, error)
	// Doubt records that the answer under the key of a request is of no use.
	Doubt(ctx context.Context, w Work, request string) error
	// Result records what a request came to.
	Result(ctx context.Context, w Work, request, result string) error
	// Keep writes how far the entry is, and keeps the lease.
	Keep(ctx context.Context, w Work, e Entry) error
	// Settle writes how far the entry is and gives the work up until due; a zero time: for good.
	Settle(ctx context.Context, w Work, e Entry, due time.Time) error

	Accounts
}

// Accounts are those of tenants at the provider.
type Accounts interface {
	Account(ctx context.Context, id tenancy.ID) (payment.Account, error)
	Due(ctx context.Context, id tenancy.ID) (payment.Due, error)
	// IntendCustomer records that a customer is about to be asked for, under the tenant's name of that moment, or returns what was recorded.
	IntendCustomer(ctx context.Context, id tenancy.ID, now time.Time) (a payment.Account, earlier bool, err error)
	// CustomerAgain records that it is asked for under another key.
	CustomerAgain(ctx context.Context, id tenancy.ID, now time.Time) (payment.Account, error)
	SetCustomer(ctx context.Context, id tenancy.ID, customer string) error
	// SetCard notes the card; one that was adopted makes every entry due that is not done, so that what failed is tried with it.
	SetCard(ctx context.Context, id tenancy.ID, c payment.Card, adopted bool, now time.Time) error
	// Dun writes what has become of an account and leaves the letters to those who look after the tenant's money, in one transaction.
	Dun(ctx context.Context, w Work, a payment.Account, l payment.Letter, at time.Time) error
	// SettleAccount gives the work at an account up until due; a zero time: for good.
	SettleAccount(ctx context.Context, w Work, due time.Time) error
	// Sweep makes due whatever the clock of billing has made so, and returns how much that is.
	Sweep(ctx context.Context, now, billing time.Time) (int, error)
}

// Reading is what the provider has of an invoice.
type Reading struct {
	// Draft: it can still be changed.
	Draft    bool
	Total    int64
	Currency string
	State    payment.State
	Charges  int
	Decline  string
	PaidAt   time.Time
}

// Provider is the payment provider. A request under a key that it has seen is not taken twice within Window. Errors are Failures where the
// provider has answered, or may have.
type Provider interface {
	FindCustomer(ctx context.Context, id tenancy.ID) (customer string, found bool, err error)
	CreateCustomer(ctx context.Context, key string, id tenancy.ID, name string) (customer string, err error)
	FindInvoice(ctx context.Context, customer, entry string) (invoice string, found bool, err error)
	CreateInvoice(ctx context.Context, key, customer, entry string, b payment.Bill) (invoice string, err error)
	FindItem(ctx context.Context, invoice string, line int) (item string, found bool, err error)
	AddItem(ctx context.Context, key, customer, invoice string, line int, b payment.Bill) (item string, err error)
	// Finalize makes an invoice final and has it charged; one that is final stays as it is.
	Finalize(ctx context.Context, key, invoice string) error
	Read(ctx context.Context, invoice string) (Reading, error)
	// Pay charges the card for an invoice whose payment failed. An invoice is paid once at most, whoever asks.
	Pay(ctx context.Context, key, invoice string) error
	// Card returns the card that is charged; adopt makes the one that was entered last that card.
	Card(ctx context.Context, customer string, adopt bool) (payment.Card, error)
}

// Window is how long the provider knows a key, less a margin for clocks: within it a repetition is safe, after it what was made is looked up.
const Window = 23 * time.Hour

// Failure is why a request was not taken.
type Failure struct {
	Text string
	// Final: the same request will never be taken.
	Final bool
	// Replayed: this is the answer of an earlier request under the same key, which says nothing of this one.
	Replayed bool
	// After is how long the provider wants to be left alone; zero: it says nothing.
	After time.Duration
	Err   error
}

// Error implements error.
func (f *Failure) Error() string { return f.Text }

// Unwrap returns what the provider's library said.
func (f *Failure) Unwrap() error { return f.Err }

// key is what a request is sent under: the same for the same request of the same entry.
func key(object, request string, generation int) string {
	return fmt.Sprintf("millwright/%s/%s/%d", object, request, generation)
}
