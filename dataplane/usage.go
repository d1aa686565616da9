package dataplane

import (
	"math"
	"math/rand/v2"

	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/selfaudit"
	"github.com/millwright-io/millwright/dataplane/internal/usage"
)

// firstSource is the least number of a source of usage that is no partition.
const firstSource = 1 << 20

// source is a number that no other start of a process of the cell has: two of one hour are the same once in two thousand million. Then one
// replaces the other's totals, and too little is counted.
func source() uint32 { return firstSource + rand.Uint32N(math.MaxInt32-firstSource) }

// openUsage prepares all that is counted, before anything is.
func (a *App) openUsage(ledger *jetstream.Usage) {
	a.usage = usage.New(source(), ledger, a.log, a.now)
	a.shares = usage.NewShares(a.usage)
	a.storage = &storageMeter{store: a.store, catalog: a.catalog, ledger: ledger, log: a.log, now: a.now}
	a.totals = selfaudit.NewTotals(ledger)
}
