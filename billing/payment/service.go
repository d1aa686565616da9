package payment

import (
	"context"
	"fmt"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

// Provider is where cards are entered and shown.
type Provider interface {
	// Checkout and Portal return the URL of a page of the provider that leads back to ours.
	Checkout(ctx context.Context, customer, back string) (url string, err error)
	Portal(ctx context.Context, customer, back string) (url string, err error)
}

// Accounts see to it that a tenant has a customer at the provider.
type Accounts interface {
	// Customer returns the provider's name of the tenant, which it makes there if need be.
	Customer(ctx context.Context, id tenancy.ID) (string, error)
}

// Store reads what is known of payments.
type Store interface {
	// Account returns the tenant's account; one that was never made is in good standing and has no customer.
	Account(ctx context.Context, id tenancy.ID) (Account, error)
	// Due returns what the tenant owes whose payment failed.
	Due(ctx context.Context, id tenancy.ID) (Due, error)
	// Payments returns payments of a tenant, newest first, after that of the invoice named.
	Payments(ctx context.Context, id tenancy.ID, after string, limit int) ([]Payment, error)
	// Debtors returns those who owe a payment, the longest first.
	Debtors(ctx context.Context, limit int) ([]Debtor, error)
	// Events returns what the provider told us, newest first.
	Events(ctx context.Context, unknown bool, limit int) ([]Event, error)
}

// Service is what people see and do of payments.
type Service struct {
	store    Store
	provider Provider
	accounts Accounts
	origin   string
	now      func() time.Time
}

// NewService returns a service. provider and accounts are nil where nothing is collected; origin is the console's, now the clock of billing.
func NewService(store Store, provider Provider, accounts Accounts, origin string, now func() time.Time) *Service {
	return &Service{store: store, provider: provider, accounts: accounts, origin: origin, now: now}
}

// Configured reports whether invoices are collected.
func (s *Service) Configured() bool { return s.provider != nil }

// Status is how a tenant stands.
type Status struct {
	Account Account
	Due     Due
	// ExpiresSoon: its card does.
	ExpiresSoon bool
	// Next is what happens next and what to do, in plain words.
	Next string
}

// Status returns how a tenant stands.
func (s *Service) Status(ctx context.Context, id tenancy.ID) (Status, error) {
	if !s.Configured() {
		return Status{Account: Account{Standing: Good}, Next: "This installation does not collect payments: invoices are for information."}, nil
	}
	a, err := s.store.Account(ctx, id)
	if err != nil {
		return Status{}, err
	}
	due, err := s.store.Due(ctx, id)
	if err != nil {
		return Status{}, err
	}
	soon := a.Card.ExpiresSoon(s.now())
	return Status{Account: a, Due: due, ExpiresSoon: soon, Next: next(a, due, soon)}, nil
}

func next(a Account, due Due, soon bool) string {
	amount := fmt.Sprintf("%s %s", due.Currency, Major(due.Amount, due.Currency.Digits()))
	switch {
	case a.Standing == Suspended:
		return "Suspended: " + amount + " is overdue. Enter a card that works; everything goes on by itself once it is paid."
	case a.Standing == PastDue:
		return "The payment of " + amount + " failed (" + orNoReason(due.Decline) + "). Check the card or enter another one before " +
			a.GraceEnds.UTC().Format("2 January 2006 15:04 UTC") + ", when devices will be refused."
	case a.Card.Last4 == "":
		return "Enter a card: the next invoice is charged to it."
	case soon:
		return "The card expires soon: enter its successor before the next invoice."
	}
	return "Nothing to do: the next invoice is charged to the card."
}

// Checkout returns the page on which a card is entered.
func (s *Service) Checkout(ctx context.Context, id tenancy.ID) (string, error) {
	return s.page(ctx, id, Provider.Checkout)
}

// Portal returns the provider's page of cards and receipts.
func (s *Service) Portal(ctx context.Context, id tenancy.ID) (string, error) {
	return s.page(ctx, id, Provider.Portal)
}

func (s *Service) page(ctx context.Context, id tenancy.ID, open func(Provider, context.Context, string, string) (string, error)) (string, error) {
	if !s.Configured() {
		return "", fmt.Errorf("this installation does not collect payments: its operator has to name the payment provider's key: %w", tenancy.ErrConflict)
	}
	customer, err := s.accounts.Customer(ctx, id)
	if err != nil {
		return "", err
	}
	return open(s.provider, ctx, customer, s.origin+"/bill")
}

// Payments returns payments of a tenant, newest first, after that of the invoice named.
func (s *Service) Payments(ctx context.Context, id tenancy.ID, after string, limit int) ([]Payment, error) {
	return s.store.Payments(ctx, id, after, limit)
}

// most is how many an operator is shown.
const most = 200

// Debtors returns those who owe a payment, the longest first.
func (s *Service) Debtors(ctx context.Context) ([]Debtor, error) { return s.store.Debtors(ctx, most) }

// Events returns what the provider told us, newest first.
func (s *Service) Events(ctx context.Context, unknown bool) ([]Event, error) {
	return s.store.Events(ctx, unknown, most)
}
