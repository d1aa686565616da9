package money

import (
	"math/big"
	"slices"
)

// Allocate splits an amount by weights so that the parts sum to it exactly: each part is its share rounded towards
// zero, and the units that are left go one each to the parts with the largest remainders, of equal ones to the first
// (the method of Hamilton). With weights that are all 0 the first part gets everything; without weights there are no
// parts.
func Allocate(total Amount, weights []uint64) []Amount {
	parts := make([]Amount, len(weights))
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, new(big.Int).SetUint64(w))
	}
	if len(weights) == 0 {
		return parts
	}
	if sum.Sign() == 0 {
		parts[0] = total
		return parts
	}
	sign, rest := Amount(1), total
	if total < 0 {
		sign, rest = -1, -total
	}
	left := rest
	remainders := make([]*big.Int, len(weights))
	for i, w := range weights {
		share := new(big.Int).Mul(big.NewInt(int64(rest)), new(big.Int).SetUint64(w))
		remainders[i] = new(big.Int)
		share.QuoRem(share, sum, remainders[i])
		parts[i] = sign * Amount(share.Int64())
		left -= Amount(share.Int64())
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return remainders[b].Cmp(remainders[a]) })
	for _, i := range order[:left] {
		parts[i] += sign
	}
	return parts
}
