package contract

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/tenancy"
)

// Credit was paid in advance; invoices use it up.
type Credit struct {
	ID       string         `json:"credit_id"`
	Currency money.Currency `json:"currency"`
	Amount   money.Amount   `json:"amount_minor"`
	// Left is what invoices have not used.
	Left      money.Amount `json:"-"`
	GrantedAt time.Time    `json:"granted_at"`
	// ExpiresAt is the end of the last month that it pays.
	ExpiresAt time.Time `json:"expires_at"`
	Reason    string    `json:"reason"`
	GrantedBy string    `json:"-"`
}

// Check refuses a credit that nothing could be paid with.
func (c Credit) Check(now time.Time) error {
	switch {
	case !c.Currency.Valid():
		return fmt.Errorf("currency %.8q is none that is billed in: %w", c.Currency, tenancy.ErrInvalid)
	case c.Amount <= 0:
		return fmt.Errorf("amount %d: want more than nothing: %w", c.Amount, tenancy.ErrInvalid)
	case !c.ExpiresAt.After(now):
		return fmt.Errorf("expires_at %s has passed: %w", c.ExpiresAt.UTC().Format(time.RFC3339), tenancy.ErrInvalid)
	case strings.TrimSpace(c.Reason) == "":
		return fmt.Errorf("reason: say what it was granted for: %w", tenancy.ErrInvalid)
	}
	return nil
}

// Coupon takes a percentage or an amount off so many months' bills.
type Coupon struct {
	Code     string         `json:"code"`
	Percent  money.Price    `json:"percent,omitzero"`
	Amount   money.Amount   `json:"amount_minor,omitempty"`
	Currency money.Currency `json:"currency,omitempty"`
	Months   int            `json:"months"`
}

var codeForm = regexp.MustCompile(`^[A-Z0-9]{3,24}$`)

const mostMonths = 120

// Check refuses a coupon that says too little, or both.
func (c Coupon) Check() error {
	switch {
	case !codeForm.MatchString(c.Code):
		return fmt.Errorf("code %.40q: want 3 to 24 of A-Z and 0-9: %w", c.Code, tenancy.ErrInvalid)
	case c.Percent.IsZero() == (c.Amount == 0) || c.Amount < 0:
		return fmt.Errorf("coupon %s: want a percentage or an amount: %w", c.Code, tenancy.ErrInvalid)
	case money.MustPrice("100").Less(c.Percent):
		return fmt.Errorf("coupon %s: %s%% is more than there is: %w", c.Code, c.Percent, tenancy.ErrInvalid)
	case (c.Amount > 0) != c.Currency.Valid():
		return fmt.Errorf("coupon %s: an amount has a currency, a percentage has none: %w", c.Code, tenancy.ErrInvalid)
	case c.Months < 1 || c.Months > mostMonths:
		return fmt.Errorf("coupon %s: %d months: want 1 to %d: %w", c.Code, c.Months, mostMonths, tenancy.ErrInvalid)
	}
	return nil
}
