// Package ownership divides the partitions of a cell among its processes. Each process says every second that it is there;
// a partition belongs to the process that its entry names, until that process lets go or is not heard of any more. Entries
// are changed by compare-and-set, so that two processes that want the same partition cannot both get it.
//
// Ownership decides who works, not what counts: a process that stands still and wakes up with somebody else on its
// partition is kept out by the commits (package commit). The composition root runs a Keeper; package jetstream is its
// registry.
package ownership

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

const (
	// Interval is how often a process says that it is there.
	Interval = time.Second
	// Lease is how long a process counts that was not heard of.
	Lease = 5 * time.Second
	// sure is how long after it was heard last a process trusts its own entries. It is less than Lease, so that it doubts
	// before others take over.
	sure = 3 * time.Second
)

// Member is a process of the cell.
type Member struct {
	Process string
	Started time.Time
	// Place is a host and port that only one process can have at a time.
	Place string
	// Works says whether it wants partitions.
	Works bool
	Load
}

// Load is what a member says of its work.
type Load struct {
	EventsPerSecond float64
	Lag             time.Duration
}

// Change is something that a registry saw.
type Change struct {
	// Member is set for a member that was heard, or that left.
	Member *Member
	Left   bool
	// At is the registry's own time of the member's word.
	At time.Time
	// Owner is who has Partition now, "" for nobody, when Member is nil.
	Partition int
	Owner     string
	Revision  uint64
	// Known: everything that was there at the start has been told.
	Known bool
}

// ErrTaken says that an entry was changed by somebody else.
var ErrTaken = errors.New("another process has the partition")

// Registry is where processes meet.
type Registry interface {
	// Say writes the member's entry.
	Say(ctx context.Context, m Member) error
	// Leave removes a member's entry.
	Leave(ctx context.Context, process string) error
	// Take writes a partition's owner over the given revision, 0 for an entry that is not there, and returns the new
	// revision. It fails with ErrTaken when the entry has another one.
	Take(ctx context.Context, partition int, process string, revision uint64) (uint64, error)
	// Watch tells of all entries that are there, and then of every change, until ctx is done.
	Watch(ctx context.Context, tell func(Change)) error
}

// share is how many of the partitions the process should have, given the members that work: the oldest have one more when
// they cannot be divided evenly, so that a process that joins displaces nobody but by its own part.
func share(partitions int, working []Member, process string) int {
	slices.SortFunc(working, func(a, b Member) int {
		if c := a.Started.Compare(b.Started); c != 0 {
			return c
		}
		return strings.Compare(a.Process, b.Process)
	})
	at := slices.IndexFunc(working, func(m Member) bool { return m.Process == process })
	if at < 0 {
		return 0
	}
	n := partitions / len(working)
	if at < partitions%len(working) {
		n++
	}
	return n
}
