// Package attribution is the noun of whose a bill is: it shares lines of usage out to those who used. It is a pure function: a line's
// shares are the line, to the smallest unit, and follow from who used what, in whatever order that comes. rpc imports it; it imports no
// vendor.
package attribution

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

// User is one that used, e.g. a facility.
type User struct {
	Key  string
	Used map[billing.Meter]uint64
}

// Share is what of a bill a user has.
type Share struct {
	Key    string
	Amount money.Amount
	// ByMeter adds up to Amount; meters that cost nothing are left out.
	ByMeter map[billing.Meter]money.Amount
}

// Shares has a share for each user, in their order, and what is nobody's: lines of other kinds, and of meters that nobody used. The
// shares and the rest are the sum of the lines.
type Shares struct {
	Users []Share
	Rest  money.Amount
}

// ShareOut shares every line of usage in proportion to what each user used of its meter. No two users have one key.
func ShareOut(lines []rating.Line, users []User) (Shares, error) {
	out := Shares{Users: make([]Share, len(users))}
	seen := make(map[string]bool, len(users))
	for i, u := range users {
		if seen[u.Key] {
			return Shares{}, fmt.Errorf("key %.100q comes twice: %w", u.Key, tenancy.ErrInvalid)
		}
		seen[u.Key] = true
		out.Users[i] = Share{Key: u.Key, ByMeter: map[billing.Meter]money.Amount{}}
	}
	parts := make([]Part, len(users))
	for _, l := range lines {
		if l.Kind != rating.KindUsage {
			out.Rest += l.Amount
			continue
		}
		for i, u := range users {
			parts[i] = Part{u.Key, u.Used[l.Meter]}
		}
		left := l.Amount
		for i, amount := range Split(l.Amount, parts) {
			left -= amount
			out.Users[i].add(l.Meter, amount)
		}
		out.Rest += left
	}
	return out, nil
}

func (s *Share) add(m billing.Meter, amount money.Amount) {
	if amount != 0 {
		s.Amount += amount
		s.ByMeter[m] += amount
	}
}

// Part is one of those that an amount is split between.
type Part struct {
	Key      string
	Quantity uint64
}

// Split splits an amount in proportion to quantities, by the largest remainder: each part gets its proportion rounded down, and what is left
// goes, a unit each, to those who lost most by that, of equals to the first key. The result, in the order of the parts, adds up to the
// amount; if nobody has any quantity, it is nothing for all.
func Split(amount money.Amount, parts []Part) []money.Amount {
	out := make([]money.Amount, len(parts))
	sum := new(big.Int)
	for _, p := range parts {
		sum.Add(sum, new(big.Int).SetUint64(p.Quantity))
	}
	if sum.Sign() == 0 || amount == 0 {
		return out
	}
	sign, size := money.Amount(1), big.NewInt(int64(amount))
	if amount < 0 {
		sign = -1
		size.Neg(size)
	}
	left := new(big.Int).Set(size)
	remainders := make([]*big.Int, len(parts))
	for i, p := range parts {
		whole, remainder := new(big.Int).SetUint64(p.Quantity), new(big.Int)
		whole.QuoRem(whole.Mul(whole, size), sum, remainder)
		left.Sub(left, whole)
		out[i], remainders[i] = sign*money.Amount(whole.Int64()), remainder
	}
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(remainders[b].Cmp(remainders[a]), cmp.Compare(parts[a].Key, parts[b].Key))
	})
	for _, i := range order[:left.Int64()] { // fewer than there are parts
		out[i] += sign
	}
	return out
}
