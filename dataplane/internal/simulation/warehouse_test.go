package simulation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/commit"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
	"github.com/millwright-io/millwright/tenancy"
)

var (
	errRefused  = errors.New("the table is in readonly mode")
	errFull     = errors.New("no space left on device")
	errNoTables = errors.New("the tenant has no tables")
)

// month is how the store splits rows into parts: what is inserted at once may lie in several, and each has its own fate.
const month = 5 * time.Second

// warehouse is what the store keeps.
type warehouse struct {
	world  *world
	tables map[tenancy.ID]bool
	// refuses are the tenants of which inserts are refused until then.
	refuses map[tenancy.ID]time.Time
	tokens  map[string]bool
	events  map[row]engine.EventRow
	letters map[row]engine.DeadLetterRow
	// copies are rows that were stored more than once.
	copies  []row
	windows map[windowKey]engine.WindowRow
}

// row is a stored row's identity.
type row struct {
	tenant    tenancy.ID
	partition uint16
	place     commit.Place
}

type windowKey struct {
	tenant              tenancy.ID
	device, measurement string
	start               int64
	segment             uint64
}

func newWarehouse(w *world) *warehouse {
	return &warehouse{
		world: w, tables: map[tenancy.ID]bool{}, refuses: map[tenancy.ID]time.Time{}, tokens: map[string]bool{},
		events: map[row]engine.EventRow{}, letters: map[row]engine.DeadLetterRow{}, windows: map[windowKey]engine.WindowRow{},
	}
}

// client is a process's way to the store; it is a commit.Store.
type client struct {
	*warehouse
	process *process
}

// call sends a request. Requests that goroutines make at the same instant are put in the order of what they are about.
func (c *client) call(ctx context.Context, site, about string, effect func(effect) error) error {
	c.world.sleep(c.world.between(site+about, 0, time.Microsecond, 200*time.Microsecond))
	return c.world.call(ctx, c.process, request{site, c.world.store, time.Millisecond, 20 * time.Millisecond, effect})
}

func (c *client) Provision(ctx context.Context, tenant tenancy.ID) error {
	return c.call(ctx, "provision:"+string(tenant), "", func(effect) error {
		c.tables[tenant] = true
		return nil
	})
}

// part is the share of an insert that goes into one part.
type part struct {
	key   int64
	store func()
}

// insert gives each part its fate.
func (c *client) insert(ctx context.Context, tenant tenancy.ID, partition uint16, table, token, about string, parts []part) error {
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.key, b.key) })
	return c.call(ctx, fmt.Sprintf("insert:%d/%s/%s", partition, tenant, table), about, func(what effect) error {
		now := time.Now()
		switch {
		case !c.tables[tenant]:
			return errNoTables
		case now.Before(c.world.store.readOnly), now.Before(c.refuses[tenant]):
			return errRefused
		case what == full, now.Before(c.world.store.full):
			return errFull
		}
		for i, p := range parts {
			key := fmt.Sprintf("%s/%s/%d/%s", tenant, table, p.key, token)
			switch last := i == len(parts)-1; {
			case token != "" && c.tokens[key]:
			case last && what == torn:
				// The token is noted and the rows are not there.
				c.tokens[key] = true
				c.world.store.cut(now)
				return errAway
			case last && what == piecemeal && token != "":
				go c.storeLater(key, p, c.world.store.life)
				return errAway
			default:
				c.tokens[key] = token != ""
				p.store()
			}
		}
		if what == amnesia {
			clear(c.tokens)
			c.world.store.cut(now)
			return errAway
		}
		return nil
	})
}

// storeLater stores a part a while later, unless its token is known or the server was started anew meanwhile.
func (c *client) storeLater(key string, p part, life int) {
	c.world.sleep(c.world.between(key, 0, time.Second, 10*time.Second))
	c.world.mu.Lock()
	defer c.world.mu.Unlock()
	if c.world.store.life == life && !c.tokens[key] {
		c.tokens[key] = true
		p.store()
	}
}

func split[T any](rows []T, received func(T) int64, store func(T)) []part {
	months := map[int64][]T{}
	for _, r := range rows {
		at := received(r) / int64(month)
		months[at] = append(months[at], r)
	}
	var parts []part
	for at, of := range months {
		parts = append(parts, part{at, func() {
			for _, r := range of {
				store(r)
			}
		}})
	}
	return parts
}

func (c *client) InsertEvents(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.EventRow, token string) error {
	parts := split(rows, func(r engine.EventRow) int64 { return r.Event.Received }, func(r engine.EventRow) {
		at := row{tenant, partition, commit.Place{Sequence: r.Sequence, Index: r.Index}}
		if _, ok := c.events[at]; ok {
			c.copies = append(c.copies, at)
		}
		c.events[at] = r
	})
	return c.insert(ctx, tenant, partition, "events", token, token, parts)
}

func (c *client) InsertDeadLetters(ctx context.Context, tenant tenancy.ID, partition uint16, rows []engine.DeadLetterRow, token string) error {
	parts := split(rows, func(r engine.DeadLetterRow) int64 { return r.Event.Received }, func(r engine.DeadLetterRow) {
		at := row{tenant, partition, commit.Place{Sequence: r.Sequence, Index: r.Index}}
		if _, ok := c.letters[at]; ok {
			c.copies = append(c.copies, at)
		}
		c.letters[at] = r
	})
	return c.insert(ctx, tenant, partition, "dead_letters", token, token, parts)
}

func (c *client) InsertWindows(ctx context.Context, tenant tenancy.ID, rows []engine.WindowRow, token string) error {
	return c.insert(ctx, tenant, partitionOf(rows[0].Device), "windows", token, fmt.Sprint(rows[0].Version), []part{{0, func() {
		for _, r := range rows {
			k := windowKey{tenant, r.Device, r.Measurement, r.Start, r.Segment}
			if old, ok := c.windows[k]; !ok || old.Version <= r.Version {
				c.windows[k] = r
			}
		}
	}}})
}

func found[T any](rows map[row]T, tenant tenancy.ID, partition uint16, from, to uint64) map[commit.Place]int {
	out := map[commit.Place]int{}
	for at := range maps.Keys(rows) {
		if at.tenant == tenant && at.partition == partition && at.place.Sequence >= from && at.place.Sequence <= to {
			out[at.place] = 1
		}
	}
	return out
}

func (c *client) StoredEvents(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[commit.Place]int, error) {
	var out map[commit.Place]int
	err := c.call(ctx, fmt.Sprintf("stored:%d/%s/events", partition, tenant), fmt.Sprint(from), func(effect) error {
		if !c.tables[tenant] {
			return errNoTables
		}
		out = found(c.events, tenant, partition, from, to)
		return nil
	})
	return out, err
}

func (c *client) StoredDeadLetters(ctx context.Context, tenant tenancy.ID, partition uint16, from, to uint64) (map[commit.Place]int, error) {
	var out map[commit.Place]int
	err := c.call(ctx, fmt.Sprintf("stored:%d/%s/dead_letters", partition, tenant), fmt.Sprint(from), func(effect) error {
		if !c.tables[tenant] {
			return errNoTables
		}
		out = found(c.letters, tenant, partition, from, to)
		return nil
	})
	return out, err
}

func (c *client) Refused(err error) bool {
	return errors.Is(err, errRefused) || errors.Is(err, errNoTables)
}
func (c *client) NotProvisioned(err error) bool { return errors.Is(err, errNoTables) }
func (c *client) Gone(tenancy.ID) bool          { return false }
