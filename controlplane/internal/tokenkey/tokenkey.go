// Package tokenkey looks after the keys that sign cell tokens: when the next one is made and begins to sign, how long an old
// one is published, and what becomes of one that leaked. rpc, web and postgres import it, distribute brings the public
// halves to the cells; it imports no vendor and no generated code.
package tokenkey

import (
	"cmp"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/millwright-io/millwright/tenancy/token"
)

// SealName is the name that private keys are sealed for.
const SealName = "cell_token"

// Key signs cell tokens from SignsFrom until the next one does.
type Key struct {
	ID     string            `json:"key_id"`
	Public ed25519.PublicKey `json:"-"`
	// Sealed is the private half.
	Sealed      []byte    `json:"-"`
	PublishedAt time.Time `json:"published_at"`
	SignsFrom   time.Time `json:"signs_from"`
	// RetiredAt is zero unless the key leaked: from then on nothing that it signed counts.
	RetiredAt time.Time `json:"retired_at,omitzero"`
}

// Live reports whether tokens that the key signed count.
func (k Key) Live() bool { return k.RetiredAt.IsZero() }

// Policy says when keys change.
type Policy struct {
	// Period is how long a key signs.
	Period time.Duration
	// Ahead is how long a key is published before it signs: by then every cell, and whoever caches the key set, knows it.
	Ahead time.Duration
}

// Defaults of a Policy.
const (
	DefaultPeriod = 30 * 24 * time.Hour
	DefaultAhead  = 24 * time.Hour
)

// Signing returns the key that signs at a time; false when there is none.
func Signing(keys []Key, at time.Time) (Key, bool) {
	var found Key
	for _, k := range keys {
		if k.Live() && !k.SignsFrom.After(at) && (found.ID == "" || found.SignsFrom.Before(k.SignsFrom)) {
			found = k
		}
	}
	return found, found.ID != ""
}

// Next returns the keys as they should be at a time, by SignsFrom; make makes one that is published at that time.
// It forgets a key once the last token that it signed has ended, and a retired one after a period, when no session that was
// begun with its tokens can matter. It keeps one key ahead of the one that signs.
func Next(keys []Key, now time.Time, p Policy, make func(signsFrom time.Time) (Key, error)) ([]Key, error) {
	next := slices.Clone(keys)
	slices.SortFunc(next, func(a, b Key) int { return cmp.Or(a.SignsFrom.Compare(b.SignsFrom), cmp.Compare(a.ID, b.ID)) })
	next = slices.DeleteFunc(slices.Clone(next), func(k Key) bool { return over(next, k, now, p) })
	signing, ok := Signing(next, now)
	if !ok {
		k, err := make(now.Add(-token.Leeway))
		if err != nil {
			return nil, err
		}
		next, signing = append(next, k), k
	}
	if !slices.ContainsFunc(next, func(k Key) bool { return k.Live() && k.SignsFrom.After(now) }) {
		from := signing.SignsFrom.Add(p.Period)
		if soonest := now.Add(p.Ahead); from.Before(soonest) {
			from = soonest
		}
		k, err := make(from)
		if err != nil {
			return nil, err
		}
		next = append(next, k)
	}
	return next, nil
}

// over reports whether a key need not be known any more.
func over(keys []Key, k Key, now time.Time, p Policy) bool {
	if !k.Live() {
		return !now.Before(k.RetiredAt.Add(p.Period))
	}
	ended, ok := successor(keys, k)
	return ok && !now.Before(ended.Add(token.Aftermath))
}

// successor says when a key stopped signing: when the first one after it that ever signed began.
func successor(keys []Key, k Key) (at time.Time, ok bool) {
	for _, other := range keys {
		signed := other.Live() || other.RetiredAt.After(other.SignsFrom)
		if signed && other.SignsFrom.After(k.SignsFrom) && (!ok || other.SignsFrom.Before(at)) {
			at, ok = other.SignsFrom, true
		}
	}
	return at, ok
}

// Retire returns the keys without trust in one of them. When it signs, the one that was published ahead signs at once; also
// for a control plane whose clock is behind.
func Retire(keys []Key, id string, now time.Time, p Policy, make func(signsFrom time.Time) (Key, error)) ([]Key, error) {
	next := slices.Clone(keys)
	signing, _ := Signing(next, now)
	for i := range next {
		if next[i].ID == id {
			next[i].RetiredAt = now
		}
	}
	if signing.ID != id {
		return Next(next, now, p, make)
	}
	from := now.Add(-token.Leeway)
	if from.Before(signing.SignsFrom) {
		from = signing.SignsFrom
	}
	ahead := -1
	for i, k := range next {
		if k.Live() && k.SignsFrom.After(now) && (ahead < 0 || k.SignsFrom.Before(next[ahead].SignsFrom)) {
			ahead = i
		}
	}
	if ahead >= 0 {
		next[ahead].SignsFrom = from
		return Next(next, now, p, make)
	}
	k, err := make(from)
	if err != nil {
		return nil, err
	}
	return Next(append(next, k), now, p, make)
}
