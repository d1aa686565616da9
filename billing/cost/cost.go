// Package cost is the noun of what a tenant costs us: rates by meter, a file of this package, so that they change by review only. Operators see it
// beside what the tenant was billed; nobody is billed by it. rpc imports it; it imports no vendor.
package cost

import (
	"bytes"
	_ "embed" // the rates
	"encoding/json"
	"fmt"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/tenancy"
)

//go:embed rates.json
var file []byte

// Rates are what we pay for what tenants use.
type Rates struct {
	Version  string         `json:"version"`
	Currency money.Currency `json:"currency"`
	Rates    []Rate         `json:"rates"`
}

// Rate is the price of one meter.
type Rate struct {
	Meter billing.Meter `json:"meter"`
	// Price is for Per counted units.
	Price money.Price `json:"price"`
	Per   uint64      `json:"per"`
}

// Load reads the rates of this release.
func Load() (Rates, error) { return Parse(file) }

// Parse reads rates; a field that it does not know is an error.
func Parse(text []byte) (Rates, error) {
	var r Rates
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, fmt.Errorf("rates of cost: %w: %w", err, tenancy.ErrInvalid)
	}
	if r.Version == "" || !r.Currency.Valid() {
		return r, fmt.Errorf("rates of cost: want a version and a currency: %w", tenancy.ErrInvalid)
	}
	seen := map[billing.Meter]bool{}
	for _, rate := range r.Rates {
		if !rate.Meter.Valid() || rate.Per == 0 || seen[rate.Meter] {
			return r, fmt.Errorf("rates of cost: rate of %.40q: want a meter, once, and per how many units: %w", rate.Meter, tenancy.ErrInvalid)
		}
		seen[rate.Meter] = true
	}
	return r, nil
}

// Of is what usage costs, rounded once, half to even.
func (r Rates) Of(used billing.Used) (money.Amount, error) {
	var sum money.Sum
	for _, rate := range r.Rates {
		sum = sum.Plus(rate.Price.Of(used[rate.Meter], rate.Per))
	}
	return sum.Round(r.Currency)
}

// Month is what a tenant used and was billed in one.
type Month struct {
	Tenant tenancy.ID
	Name   string
	Used   billing.Used
	// Invoiced: the month is closed. Billed is the invoice before tax, corrections and credits.
	Invoiced bool
	Billed   money.Amount
	Currency money.Currency
}
