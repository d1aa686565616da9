package tokenkey_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/tokenkey"
	"github.com/millwright-io/millwright/tenancy/token"
)

// signature is a token, as far as its key matters.
type signature struct {
	key  string
	ends time.Time
}

// world is an installation in virtual time: several control planes whose clocks differ by up to half a minute sign and look after
// the keys at times of their own, and whose catalog reaches the cells late.
type world struct {
	t      *testing.T
	random *rand.Rand
	policy tokenkey.Policy
	now    time.Time
	skews  []time.Duration
	keys   []tokenkey.Key
	made   int
	// seen is what the cells know, as the keys were lateness ago.
	history  []moment
	lateness time.Duration
	tokens   []signature
	leaked   map[string]time.Time
}

type moment struct {
	at   time.Time
	keys []tokenkey.Key
}

func (w *world) make(now time.Time) func(time.Time) (tokenkey.Key, error) {
	return func(from time.Time) (tokenkey.Key, error) {
		w.made++
		return tokenkey.Key{ID: fmt.Sprint("k", w.made), PublishedAt: now, SignsFrom: from}, nil
	}
}

func (w *world) clock() time.Time { return w.now.Add(w.skews[w.random.IntN(len(w.skews))]) }

func (w *world) set(keys []tokenkey.Key, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	w.keys = keys
	w.history = append(w.history, moment{w.now, keys})
}

// known are the live keys that a cell knows, which heard of changes late.
func (w *world) known() map[string]bool {
	known := map[string]bool{}
	for i, m := range slices.Backward(w.history) {
		if i == 0 || !m.at.After(w.now.Add(-w.lateness)) {
			for _, k := range m.keys {
				known[k.ID] = k.Live()
			}
			break
		}
	}
	return known
}

func (w *world) sign() {
	at := w.clock()
	k, ok := tokenkey.Signing(w.keys, at)
	if !ok {
		w.t.Fatalf("%s: nothing signs among %+v", at, w.keys)
	}
	if w.now.Sub(k.PublishedAt) <= w.lateness+15*time.Second && len(w.leaked) > 0 {
		return // the signature waits until the cell knows a key that had to sign at once
	}
	w.tokens = append(w.tokens, signature{k.ID, at.Add(token.Lifetime)})
}

// verify holds every token that has not ended against what the cells know.
func (w *world) verify() {
	w.t.Helper()
	known := w.known()
	for id, at := range w.leaked {
		if known[id] && w.now.Sub(at) > w.lateness {
			w.t.Fatalf("%s: tokens of %s are taken", w.now, id)
		}
	}
	w.tokens = slices.DeleteFunc(w.tokens, func(s signature) bool { return w.now.After(s.ends) })
	for _, s := range w.tokens {
		if !known[s.key] && w.leaked[s.key].IsZero() {
			w.t.Fatalf("%s: a token of %s that ends %s is refused; known %v, keys %+v", w.now, s.key, s.ends, known, w.keys)
		}
	}
}

// look is one control plane's look at the keys.
func (w *world) look() {
	w.t.Helper()
	at := w.clock()
	keys, err := tokenkey.Next(w.keys, at, w.policy, w.make(at))
	w.set(keys, err)
	signing, _ := tokenkey.Signing(w.keys, at)
	for _, k := range w.keys {
		if k.Live() && k.SignsFrom.Before(signing.SignsFrom) && at.Sub(signing.SignsFrom) >= token.Aftermath {
			w.t.Fatalf("%s: %s is still known, %s after %s began to sign", at, k.ID, at.Sub(signing.SignsFrom), signing.ID)
		}
		if k.SignsFrom.After(k.PublishedAt) && len(w.leaked) == 0 && k.SignsFrom.Sub(k.PublishedAt) < w.policy.Ahead {
			w.t.Fatalf("%s: %s is published %s before it signs", at, k.ID, k.SignsFrom.Sub(k.PublishedAt))
		}
	}
	if len(w.keys) > 4 && len(w.leaked) == 0 {
		w.t.Fatalf("%s: keys pile up: %+v", at, w.keys)
	}
}

// leak retires the key that signs.
func (w *world) leak() {
	w.t.Helper()
	k, _ := tokenkey.Signing(w.keys, w.now)
	keys, err := tokenkey.Retire(w.keys, k.ID, w.now, w.policy, w.make(w.now))
	w.set(keys, err)
	w.leaked[k.ID] = w.now
	if next, ok := tokenkey.Signing(w.keys, w.now); !ok || next.ID == k.ID {
		w.t.Fatalf("%s: after the leak of %s, %q signs", w.now, k.ID, next.ID)
	}
}

// TestNoTokenIsRefusedAndNoKeyOutlivesItsTokens runs forty worlds for eight periods each, some with a key that leaks and
// some with long times in which nobody looks.
func TestNoTokenIsRefusedAndNoKeyOutlivesItsTokens(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // it must be repeatable
		w := &world{
			t: t, random: random, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), leaked: map[string]time.Time{},
			policy:   tokenkey.Policy{Period: time.Duration(2+random.IntN(10)) * time.Hour, Ahead: time.Duration(2+random.IntN(60)) * time.Minute},
			lateness: time.Duration(random.IntN(60)) * time.Second,
			skews:    []time.Duration{0, time.Duration(random.IntN(15)) * time.Second, -time.Duration(random.IntN(15)) * time.Second},
		}
		begin, next := w.now, w.now
		leak := begin.Add(time.Duration(random.Int64N(int64(8 * w.policy.Period))))
		for end := begin.Add(8 * w.policy.Period); w.now.Before(end); w.now = w.now.Add(15 * time.Second) {
			if !w.now.Before(next) {
				w.look()
				next = w.now.Add(time.Minute)
				if random.IntN(1500) == 0 {
					next = w.now.Add(2 * w.policy.Period)
				}
			}
			if seed%2 == 0 && len(w.leaked) == 0 && w.now.After(leak) {
				w.leak()
			}
			if w.now.Sub(begin) > w.lateness { // the first key signs at once
				w.sign()
			}
			w.verify()
		}
		if w.made < 4 {
			t.Errorf("seed %d: only %d keys in eight periods", seed, w.made)
		}
	}
}

// TestALeakedKeyLosesTrust retires each kind of key that there can be.
func TestALeakedKeyLosesTrust(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	policy := tokenkey.Policy{Period: 24 * time.Hour, Ahead: time.Hour}
	w := &world{t: t}
	keys, _ := tokenkey.Next(nil, at, policy, w.make(at))
	at = at.Add(policy.Period + time.Minute)
	keys, _ = tokenkey.Next(keys, at, policy, w.make(at)) // k1 ends, k2 signs, k3 is ahead
	for _, c := range []struct{ id, signs string }{{"k1", "k2"}, {"k2", "k3"}, {"k3", "k2"}} {
		got, err := tokenkey.Retire(keys, c.id, at, policy, w.make(at))
		if err != nil {
			t.Fatal(err)
		}
		signing, _ := tokenkey.Signing(got, at)
		ahead := slices.IndexFunc(got, func(k tokenkey.Key) bool { return k.Live() && k.SignsFrom.Sub(at) >= policy.Ahead })
		i := slices.IndexFunc(got, func(k tokenkey.Key) bool { return k.ID == c.id })
		if signing.ID != c.signs || ahead < 0 || i < 0 || got[i].Live() {
			t.Errorf("without %s: %s signs, keys %+v", c.id, signing.ID, got)
		}
		got, _ = tokenkey.Next(got, at.Add(policy.Period), policy, w.make(at))
		if slices.ContainsFunc(got, func(k tokenkey.Key) bool { return k.ID == c.id }) {
			t.Errorf("%s is remembered for ever", c.id)
		}
	}
	only := []tokenkey.Key{{ID: "only", SignsFrom: at.Add(-time.Hour)}}
	got, _ := tokenkey.Retire(only, "only", at, policy, w.make(at))
	if signing, ok := tokenkey.Signing(got, at); !ok || signing.ID == "only" {
		t.Errorf("with nothing ahead: %+v", got)
	}
}
