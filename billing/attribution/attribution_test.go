package attribution_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/billing/attribution"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
	"github.com/millwright-io/millwright/tenancy"
)

func TestSplitByHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		amount money.Amount
		parts  []attribution.Part
		want   []money.Amount
	}{
		{100, []attribution.Part{{"a", 1}, {"b", 1}, {"c", 1}}, []money.Amount{34, 33, 33}}, // of equals the first key
		{100, []attribution.Part{{"c", 1}, {"b", 1}, {"a", 1}}, []money.Amount{33, 33, 34}},
		{10, []attribution.Part{{"a", 15}, {"b", 25}, {"c", 60}}, []money.Amount{2, 2, 6}}, // 1.5, 2.5, 6
		{-100, []attribution.Part{{"a", 1}, {"b", 2}}, []money.Amount{-33, -67}},
		{1, []attribution.Part{{"a", 0}, {"b", 1<<64 - 1}, {"c", 1<<64 - 1}}, []money.Amount{0, 1, 0}}, // their sum is no uint64
		{7, []attribution.Part{{"a", 0}, {"b", 0}}, []money.Amount{0, 0}},
		{7, nil, []money.Amount{}},
	} {
		if got := attribution.Split(c.amount, c.parts); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d over %v: %v, want %v", c.amount, c.parts, got, c.want)
		}
	}
}

func TestPropertiesOfShares(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20_000) {
		if err := holds(rand.New(rand.NewPCG(seed, 1))); err != nil { //nolint:gosec // a seed that can be repeated is the point
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func holds(r *rand.Rand) error {
	meters := []billing.Meter{billing.MeterEvents, billing.MeterPoints, billing.MeterDeviceHours}
	var lines []rating.Line
	sum := money.Amount(0)
	for range r.IntN(6) {
		l := rating.Line{Kind: rating.KindUsage, Meter: meters[r.IntN(3)], Amount: money.Amount(r.Int64N(1 << r.IntN(50)))}
		if r.IntN(3) == 0 {
			l = rating.Line{Kind: rating.KindDiscount, Amount: -money.Amount(r.Int64N(1000))}
		}
		lines, sum = append(lines, l), sum+l.Amount
	}
	users := make([]attribution.User, r.IntN(7))
	for i := range users {
		users[i] = attribution.User{Key: fmt.Sprint(i), Used: map[billing.Meter]uint64{meters[r.IntN(3)]: r.Uint64() >> r.IntN(64), meters[r.IntN(3)]: r.Uint64N(3)}}
	}
	got, err := attribution.ShareOut(lines, users)
	if err != nil {
		return err
	}
	total := got.Rest
	for i, s := range got.Users {
		of := money.Amount(0)
		for m, amount := range s.ByMeter {
			if of += amount; amount < 0 || users[i].Used[m] == 0 {
				return fmt.Errorf("%+v has %d of %s", users[i], amount, m)
			}
		}
		if total += s.Amount; of != s.Amount {
			return fmt.Errorf("%+v: the meters add up to %d", s, of)
		}
	}
	if total != sum {
		return fmt.Errorf("the lines are %d, shares and rest %d: %+v, %+v, %+v", sum, total, lines, users, got)
	}
	return orderless(r, lines, users, got)
}

// orderless: whoever comes first has the same share.
func orderless(r *rand.Rand, lines []rating.Line, users []attribution.User, got attribution.Shares) error {
	shares := map[string]attribution.Share{}
	for _, s := range got.Users {
		shares[s.Key] = s
	}
	r.Shuffle(len(users), func(i, j int) { users[i], users[j] = users[j], users[i] })
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	again, err := attribution.ShareOut(lines, users)
	if err != nil || again.Rest != got.Rest {
		return fmt.Errorf("another order leaves %d of %d: %w", again.Rest, got.Rest, err)
	}
	for _, s := range again.Users {
		if !reflect.DeepEqual(s, shares[s.Key]) {
			return fmt.Errorf("another order: %+v, not %+v", s, shares[s.Key])
		}
	}
	return nil
}

func TestAKeyThatComesTwiceIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := attribution.ShareOut(nil, []attribution.User{{Key: "north"}, {Key: "north"}}); !errors.Is(err, tenancy.ErrInvalid) {
		t.Error(err)
	}
}
