package invoice

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing"
	"github.com/millwright-io/millwright/tenancy"
)

// Snapshot is the usage that a line was made of, in a text that has one form for one content:
//
//	millwright-usage 1
//	tenant aaaaaaaaaaaaaaaa
//	meter events
//	from 2026-11-01T00:00:00Z
//	to 2026-12-01T00:00:00Z
//	2026-11-01T00:00:00Z 1234
//
// with a line for every hour in which something was counted, the oldest first, and a newline after each.
type Snapshot struct {
	SHA256    [sha256.Size]byte
	Canonical []byte
}

// Quantity is what was counted in an hour.
type Quantity struct {
	Hour  time.Time
	Value uint64
}

// Usage is what a snapshot says.
type Usage struct {
	Tenant   tenancy.ID
	Meter    billing.Meter
	From, To time.Time
	Hours    []Quantity
}

// Total is the sum over the hours.
func (u Usage) Total() (sum uint64) {
	for _, h := range u.Hours {
		sum += h.Value
	}
	return sum
}

const snapshotForm = "millwright-usage 1"

// Take makes the snapshot of a meter's hours in [from, to).
func Take(id tenancy.ID, m billing.Meter, from, to time.Time, hours []billing.Hour) Snapshot {
	var b bytes.Buffer
	_, _ = fmt.Fprintf(&b, "%s\ntenant %s\nmeter %s\nfrom %s\nto %s\n", snapshotForm, id, m, stamp(from), stamp(to))
	for _, h := range hours {
		if value := h.Of(m); value > 0 && !h.Start.Before(from) && h.Start.Before(to) {
			_, _ = fmt.Fprintf(&b, "%s %d\n", stamp(h.Start), value)
		}
	}
	return Snapshot{SHA256: sha256.Sum256(b.Bytes()), Canonical: b.Bytes()}
}

// Read reads a snapshot's text.
func (s Snapshot) Read() (u Usage, err error) {
	wrong := func(what string) (Usage, error) {
		return Usage{}, fmt.Errorf("snapshot %x: %s: %w", s.SHA256, what, tenancy.ErrInvalid)
	}
	if sha256.Sum256(s.Canonical) != s.SHA256 {
		return wrong("its text has another hash")
	}
	lines := strings.Split(strings.TrimSuffix(string(s.Canonical), "\n"), "\n")
	if len(lines) < 5 || lines[0] != snapshotForm {
		return wrong("it does not begin with " + snapshotForm)
	}
	u.Tenant = tenancy.ID(strings.TrimPrefix(lines[1], "tenant "))
	u.Meter = billing.Meter(strings.TrimPrefix(lines[2], "meter "))
	if u.From, err = time.Parse(time.RFC3339, strings.TrimPrefix(lines[3], "from ")); err != nil {
		return wrong("from: " + err.Error())
	}
	if u.To, err = time.Parse(time.RFC3339, strings.TrimPrefix(lines[4], "to ")); err != nil {
		return wrong("to: " + err.Error())
	}
	for _, line := range lines[5:] {
		hour, value, _ := strings.Cut(line, " ")
		q := Quantity{}
		if q.Hour, err = time.Parse(time.RFC3339, hour); err != nil {
			return wrong(err.Error())
		}
		if q.Value, err = strconv.ParseUint(value, 10, 64); err != nil {
			return wrong(err.Error())
		}
		u.Hours = append(u.Hours, q)
	}
	return u, nil
}
