// Package price is the noun of the price book: what a plan costs, by version and currency. Versions are files of this
// package, so that a price changes by review only. Rating and invoices import it; it imports no vendor.
package price

import (
	"fmt"
	"slices"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/tenancy"
)

// Model says how a charge follows from a quantity.
type Model string

// The models. Billable is the quantity above what is included.
const (
	// PerUnit: billable x price / per, exactly.
	PerUnit Model = "per_unit"
	// Package: each begun `per` of the billable costs the price.
	Package Model = "package"
	// Graduated: each tier's price is for what of the billable lies within it.
	Graduated Model = "graduated"
	// Volume: the price of the tier that the whole billable falls into is for all of it. A little more can cost less.
	Volume Model = "volume"
)

// Book is one version of the price book.
type Book struct {
	Version string `json:"version"`
	// From is when it begins to hold, the start of a UTC month; it holds until the next one's.
	From  time.Time `json:"from"`
	Plans []Plan    `json:"plans"`
}

// Plan is what one plan costs.
type Plan struct {
	Name string `json:"plan"`
	// TrialDays are free of all charges, from the day on which a tenant first has a plan that costs something.
	TrialDays  int                      `json:"trial_days,omitempty"`
	Currencies map[money.Currency]Rates `json:"currencies"`
}

// Rates are a plan's prices in one currency, for a whole month.
type Rates struct {
	// Flat is due whatever is used.
	Flat    money.Price `json:"flat"`
	Charges []Charge    `json:"charges"`
	// Regions multiply the charges of tenants who live there; a region that is not named has the factor 1.
	Regions map[string]money.Price `json:"regions,omitempty"`
	// Minimum and Maximum bound flat and charges together; a maximum of 0 is none.
	Minimum money.Price `json:"minimum,omitzero"`
	Maximum money.Price `json:"maximum,omitzero"`
}

// Charge is the price of one meter.
type Charge struct {
	Meter billing.Meter `json:"meter"`
	Model Model         `json:"model"`
	// Per is how many units a price is for.
	Per uint64 `json:"per"`
	// Included units cost nothing.
	Included uint64 `json:"included,omitempty"`
	Tiers    []Tier `json:"tiers"`
	// Minimum and Maximum bound the charge; a maximum of 0 is none.
	Minimum money.Price `json:"minimum,omitzero"`
	Maximum money.Price `json:"maximum,omitzero"`
}

// Tier is a price up to a quantity.
type Tier struct {
	// UpTo is the last unit of the billable in this tier; 0 in the last tier, which has no end.
	UpTo uint64 `json:"up_to,omitempty"`
	// Price is for `per` units.
	Price money.Price `json:"price"`
	// Flat is due once when the billable reaches into the tier.
	Flat money.Price `json:"flat,omitzero"`
}

// Plan returns the plan of that name.
func (b Book) Plan(name string) (Plan, bool) {
	i := slices.IndexFunc(b.Plans, func(p Plan) bool { return p.Name == name })
	if i < 0 {
		return Plan{}, false
	}
	return b.Plans[i], true
}

// Factor is what the charges of a region are multiplied by.
func (r Rates) Factor(region string) money.Price {
	if f, ok := r.Regions[region]; ok {
		return f
	}
	return money.MustPrice("1")
}

// Check refuses a book that says too little, or contradicts itself.
func (b Book) Check() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("price book %.40s: %s: %w", b.Version, fmt.Sprintf(format, args...), tenancy.ErrInvalid)
	}
	start := time.Date(b.From.Year(), b.From.Month(), 1, 0, 0, 0, 0, time.UTC)
	if b.Version == "" || !b.From.Equal(start) || b.From.IsZero() {
		return refuse("it needs a version, and a from that is the start of a UTC month")
	}
	for _, p := range b.Plans {
		if p.Name == "" || p.TrialDays < 0 || p.TrialDays > 365 || len(p.Currencies) == 0 {
			return refuse("plan %q needs a name, 0 to 365 trial_days and at least one currency", p.Name)
		}
		for c, r := range p.Currencies {
			if !c.Valid() {
				return refuse("plan %s: %.8q is no currency that is billed in", p.Name, c)
			}
			if err := r.Check(); err != nil {
				return refuse("plan %s in %s: %s", p.Name, c, err)
			}
		}
	}
	return nil
}

// Check refuses rates that cannot be applied.
func (r Rates) Check() error {
	seen := make(map[billing.Meter]bool)
	for _, c := range r.Charges {
		if seen[c.Meter] {
			return fmt.Errorf("charge of %s: there are two", c.Meter)
		}
		seen[c.Meter] = true
		if err := c.check(); err != nil {
			return fmt.Errorf("charge of %s: %w", c.Meter, err)
		}
	}
	return bounds(r.Minimum, r.Maximum)
}

func bounds(least, most money.Price) error {
	if !most.IsZero() && most.Less(least) {
		return fmt.Errorf("the maximum %s is less than the minimum %s", most, least)
	}
	return nil
}

func internal(m billing.Meter) bool {
	d, ok := m.Definition()
	return ok && d.Internal
}

func (c Charge) check() error {
	tiered := c.Model == Graduated || c.Model == Volume
	switch {
	case !c.Meter.Valid():
		return fmt.Errorf("there is no meter %.40q", c.Meter)
	case internal(c.Meter):
		return fmt.Errorf("it is our own cost, which nobody is billed by")
	case !tiered && c.Model != PerUnit && c.Model != Package:
		return fmt.Errorf("model %.40q: want per_unit, package, graduated or volume", c.Model)
	case c.Per == 0:
		return fmt.Errorf("per: want how many units the price is for, at least 1")
	case len(c.Tiers) == 0 || (!tiered && len(c.Tiers) != 1):
		return fmt.Errorf("tiers: %d, want one, or several with graduated and volume", len(c.Tiers))
	}
	before := uint64(0)
	for i, t := range c.Tiers {
		last := i == len(c.Tiers)-1
		if last != (t.UpTo == 0) {
			return fmt.Errorf("tier %d: the last one has no up_to, and every other has", i+1)
		}
		if !last && t.UpTo <= before {
			return fmt.Errorf("tier %d: up_to %d is not above %d", i+1, t.UpTo, before)
		}
		before = t.UpTo
	}
	return bounds(c.Minimum, c.Maximum)
}
