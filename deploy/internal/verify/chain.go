package verify

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/deploy/internal/command"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	usagev1 "github.com/millwright-io/millwright/proto/gen/millwright/usage/v1"
)

// spot is where a total belongs.
type spot struct {
	hour      int64
	partition uint32
	meter     string
}

func (s spot) String() string {
	return fmt.Sprintf("%s, hour %s, partition %d", s.meter, time.Unix(s.hour, 0).UTC().Format(time.RFC3339), s.partition)
}

func compareSpots(a, b spot) int {
	return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.meter, b.meter), cmp.Compare(a.partition, b.partition))
}

// number is a value and the version up to which it was counted.
type number struct{ value, version uint64 }

// accounts are three accounts of the same usage.
type accounts struct {
	ledger map[spot]number
	// noted is what the cell had counted, kept what it found stored then.
	noted map[spot]number
	kept  map[spot]uint64
	rows  map[spot]uint64
	// whole is from when on all events are stored still.
	whole time.Time
}

func newBooks() *accounts {
	return &accounts{ledger: map[spot]number{}, noted: map[spot]number{}, kept: map[spot]uint64{}, rows: map[spot]uint64{}}
}

func (b *accounts) add(totals *usagev1.ListTotalsResponse, counts *telemetryv1.CountUsageResponse) {
	for _, t := range totals.GetTotals() {
		b.ledger[spot{t.GetHour().GetSeconds(), t.GetPartition(), t.GetMeter()}] = number{t.GetValue(), t.GetVersion()}
	}
	for _, n := range counts.GetNotes() {
		at := spot{n.GetHour().GetSeconds(), n.GetPartition(), n.GetMeter()}
		b.noted[at], b.kept[at] = number{n.GetCounted(), n.GetVersion()}, n.GetStored()
	}
	for _, r := range counts.GetRows() {
		b.rows[spot{r.GetHour().GetSeconds(), r.GetPartition(), r.GetMeter()}] = r.GetStored()
	}
	if counts.GetRowsSince() != nil {
		b.whole = counts.GetRowsSince().AsTime()
	}
}

// chain is how the numbers of a statement follow from each other.
type chain struct {
	links     []string
	different []difference
	// late is what the ledger has more than a snapshot: the next invoice corrects it.
	late []string
	// fallen are totals whose rows retention may have removed, bare those of them that have no note either; uncounted are device hours
	// of hours that a program began which did not count them.
	fallen, bare, uncounted int
}

type difference struct {
	at   int64
	text string
}

// proven are the meters that rows or dead letters prove.
func proven(meter string) bool {
	d, _ := billing.Meter(meter).Definition()
	return d.Proof == billing.ProofRows || d.Proof == billing.ProofLetters
}

// follow goes from the lines to the rows. Meters that no line has are compared as well.
func (b *accounts) follow(s Statement) *chain {
	c := &chain{}
	for _, l := range s.Lines {
		c.line(b, s.Tenant, l)
	}
	from, to := s.Start.Unix(), s.End.Unix()
	spots := map[spot]bool{}
	for at := range b.ledger {
		spots[at] = true
	}
	for at := range b.noted {
		spots[at] = true
	}
	for at := range b.rows {
		spots[at] = true
	}
	for _, at := range slices.SortedFunc(maps.Keys(spots), compareSpots) {
		if at.hour >= from && at.hour < to && proven(at.meter) {
			c.total(b, at)
		}
	}
	return c
}

// line compares a line with what it was frozen with and with the ledger.
func (c *chain) line(b *accounts, tenant string, l Line) {
	sums := map[int64]uint64{}
	totals, noted, rows := 0, uint64(0), uint64(0)
	text := sha256.New()
	for _, at := range slices.SortedFunc(maps.Keys(b.ledger), compareSpots) {
		if at.meter != l.Meter || at.hour < l.Start.Unix() || at.hour >= l.End.Unix() {
			continue
		}
		n := b.ledger[at]
		sums[at.hour] += n.value
		totals++
		noted += b.noted[at].value
		rows += b.rows[at]
		_, _ = fmt.Fprintf(text, "%d %d %s %d %d\n", at.hour, at.partition, at.meter, n.value, n.version)
	}
	ledger := uint64(0)
	for _, sum := range sums {
		ledger += sum
	}
	link := fmt.Sprintf("%s: line %d", l.name(), l.Quantity)
	if l.Snapshot != "" {
		link += fmt.Sprintf(" = snapshot %s", l.Snapshot)
		c.frozen(b, tenant, l, sums)
	}
	link += fmt.Sprintf(" ; ledger %d in %d hours and %d totals, sha256 %x", ledger, len(sums), totals, text.Sum(nil))
	if proven(l.Meter) {
		link += fmt.Sprintf(" ; noted %d ; stored %d", noted, rows)
	} else {
		link += " ; the count is the only trace, the chain ends here"
	}
	c.links = append(c.links, link)
	if l.Snapshot == "" && ledger != l.Quantity {
		c.different = append(c.different, difference{l.End.Unix(), fmt.Sprintf("%s: the line has %d, the ledger %d", l.name(), l.Quantity, ledger)})
	}
}

// frozen compares a line with its snapshot, and that with the ledger hour by hour.
func (c *chain) frozen(b *accounts, tenant string, l Line, sums map[int64]uint64) {
	total := uint64(0)
	hours := map[int64]bool{}
	for hour, value := range l.Frozen {
		total += value
		hours[hour] = true
	}
	for hour := range sums {
		hours[hour] = true
	}
	if made := snapshotOf(tenant, l); made != l.Snapshot {
		c.different = append(c.different, difference{0, fmt.Sprintf("%s: its usage has the hash %s, the line's snapshot is %s", l.name(), made, l.Snapshot)})
	}
	if total != l.Quantity {
		c.different = append(c.different, difference{0, fmt.Sprintf("%s: the line has %d, its snapshot %d", l.name(), l.Quantity, total)})
	}
	for _, hour := range slices.Sorted(maps.Keys(hours)) {
		if sums[hour] > l.Frozen[hour] && (!proven(l.Meter) || b.stored(l.Meter, hour)) {
			c.late = append(c.late, fmt.Sprintf("%s, hour %s: %d more than the snapshot's %d came after the invoice was frozen%s", l.Meter,
				time.Unix(hour, 0).UTC().Format(time.RFC3339), sums[hour]-l.Frozen[hour], l.Frozen[hour], unproven(l.Meter)))
			continue
		}
		if l.Frozen[hour] != sums[hour] {
			c.different = append(c.different, difference{0, fmt.Sprintf("%s, hour %s: the snapshot has %d, the ledger %d", l.Meter,
				time.Unix(hour, 0).UTC().Format(time.RFC3339), l.Frozen[hour], sums[hour])})
		}
	}
}

// stored reports whether the rows prove what the ledger has of an hour.
func (b *accounts) stored(meter string, hour int64) bool {
	for at, n := range b.ledger {
		if at.meter == meter && at.hour == hour && b.rows[at] != n.value {
			return false
		}
	}
	return true
}

func unproven(meter string) string {
	if proven(meter) {
		return ""
	}
	return ", which nothing but the ledger proves"
}

// total compares one total of the ledger with the cell's and with the rows.
func (c *chain) total(b *accounts, at spot) {
	ledger := b.ledger[at]
	noted, hasNote := b.noted[at]
	if at.meter == string(billing.MeterDeviceHours) && ledger.value == 0 && b.ledger[spot{at.hour, at.partition, string(billing.MeterEvents)}].value > 0 {
		c.uncounted++
		return
	}
	// A note of an older version is of before the last of the hour came; the rows say the rest.
	if hasNote && noted.value != ledger.value && noted.version >= ledger.version {
		c.differs(at, "the ledger has %d (version %d), the cell counted %d (version %d)", ledger.value, ledger.version, noted.value, noted.version)
	}
	if time.Unix(at.hour, 0).Before(b.whole) {
		c.fallen++
		switch kept, ok := b.kept[at]; {
		case !ok:
			c.bare++
		case kept != ledger.value:
			c.differs(at, "the ledger has %d, the cell noted %d stored", ledger.value, kept)
		}
		return
	}
	if rows := b.rows[at]; rows != ledger.value {
		c.differs(at, "the ledger has %d, stored are %d", ledger.value, rows)
	}
}

func (c *chain) differs(at spot, format string, args ...any) {
	c.different = append(c.different, difference{at.hour, at.String() + ": " + fmt.Sprintf(format, args...)})
}

// settled is how long after an hour its numbers are the last ones.
const settled = 3 * time.Minute

// young reports whether a difference lies in an hour of which something may still be on its way.
func (c *chain) young(now time.Time) bool {
	return slices.ContainsFunc(c.different, func(d difference) bool { return now.Before(time.Unix(d.at, 0).Add(time.Hour + settled)) })
}

func (c *chain) print(out io.Writer, s Statement, b *accounts) error {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	for _, link := range c.links {
		say("%s", link)
	}
	if c.fallen > 0 {
		say("retention: %d totals are of before %s, their events may be removed: compared with what the cell noted when it counted them, not with events", c.fallen, b.whole.UTC().Format(time.RFC3339))
	}
	if c.bare > 0 {
		say("retention: %d of them have no note either: their chain ends at the ledger", c.bare)
	}
	if c.uncounted > 0 {
		say("device hours: %d totals are of hours that a program began which did not count them", c.uncounted)
	}
	for _, text := range c.late {
		say("late: %s; the next invoice corrects it", text)
	}
	for _, d := range c.different {
		say("different: %s", d.text)
	}
	say("%s: lines of usage %d, totals %d, noted %d, different %d", s.Name, len(s.Lines), len(b.ledger), len(b.noted), len(c.different))
	if len(c.different) > 0 {
		return command.Reported()
	}
	return nil
}
