package warehouse

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

const (
	// fading is how fast it is forgotten what a user's statements took: half of it after this time.
	fading = 10 * time.Second
	// modest is the share of one statement at a time up to which a user stands before all others, or usual times what the middle
	// one of the others takes, for all take longer while the machine is busy; each doubling is a step behind, of lowest at most.
	modest, usual, lowest = 1.0 / 8, 2, 7
	// heavy is the priority from which on a user rests after a statement, resting times as long as it took and longestRest at
	// most, while others have statements within the second: what one takes all the time leaves the machine no room for their
	// inserts and devices.
	heavy       = 3
	resting     = 3
	longestRest = 5 * time.Second
	lately      = time.Second
	// Whose last statements took longer than brief each is last of all, from the second on; and whoever has had fewer than known
	// of them is heavy, for what the first will take is not known before it was felt.
	known = 3
	brief = 200 * time.Millisecond
)

// turns shares the engine between users: who took least lately comes first. It bounds the statements that run at once, those of
// one user, and those of one user that wait.
type turns struct {
	now                 func() time.Time
	most, each, waiting int

	mu      sync.Mutex
	running int
	users   map[string]*usage
}

// usage is what a user's statements take.
type usage struct {
	// took fades; at is when it was last made to.
	took time.Duration
	at   time.Time
	// begun are the times of those that run.
	begun []time.Time
	queue []*waiter
	// ended counts them, and each is about how long one took.
	ended int
	each  time.Duration
	// allowance is what the user's quota leaves.
	allowance allowance
	// ran is when the last statement ended, rest until when the next one waits while others have any.
	ran, rest time.Time
}

// waiter is a statement; turn is closed when its turn has come, at begun.
type waiter struct {
	turn  chan struct{}
	begun time.Time
}

func newTurns(now func() time.Time, most, each, waiting int) *turns {
	return &turns{now: now, most: most, each: each, waiting: waiting, users: map[string]*usage{}}
}

// take waits for the user's turn for at most timeout, if the quota leaves any time. It returns the engine's priority for the statement, 1 being the first,
// and what must be called when it has ended.
func (t *turns) take(ctx context.Context, name string, of quota, timeout time.Duration) (priority int, done func(), err error) {
	t.mu.Lock()
	u := t.users[name]
	if u == nil {
		t.forget()
		u = &usage{at: t.now()}
		t.users[name] = u
	}
	u.allowance.under(of, t.now())
	if err := u.allowance.check(name); err != nil {
		t.mu.Unlock()
		return 0, nil, err
	}
	if len(u.queue) >= t.waiting {
		defer t.mu.Unlock()
		return 0, nil, exception(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
			"Too many simultaneous queries for user %s: %d run and %d wait (the maximum). Try again in a second", name, len(u.begun), len(u.queue))
	}
	w := &waiter{turn: make(chan struct{})}
	u.queue = append(u.queue, w)
	t.next()
	t.mu.Unlock()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-w.turn:
	case <-ctx.Done():
		err = exception(codeAborted, "ABORTED", "The client went away while its statement waited")
	case <-timer.C:
		err = exception(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES",
			"Too many simultaneous queries for user %s: at most %d of one user run at once, %d of all, and no turn came within %s. Try again in a second", name, t.each, t.most, timeout)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		priority := t.priority(u, t.now())
		if u.ended < known {
			priority = max(priority, heavy)
		}
		return priority, sync.OnceFunc(func() { t.end(u, w.begun) }), nil
	}
	if !u.leave(w) { // the turn came at the same moment
		t.ended(u, w.begun)
	}
	return 0, nil, err
}

// next gives turns while there are any to give. It needs the lock.
func (t *turns) next() {
	now := t.now()
	for t.running < t.most {
		var first *usage
		for _, u := range t.users {
			if len(u.queue) > 0 && len(u.begun) < t.each && !t.rests(u, now) && (first == nil || u.taken(now) < first.taken(now)) {
				first = u
			}
		}
		if first == nil {
			return
		}
		w := first.queue[0]
		first.queue = first.queue[1:]
		w.begun = now
		first.begun = append(first.begun, now)
		close(w.turn)
		t.running++
	}
}

func (t *turns) end(u *usage, begun time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended(u, begun)
}

// ended gives the turn of a statement to the next. It needs the lock.
func (t *turns) ended(u *usage, begun time.Time) {
	now := t.now()
	u.fade(now)
	took := now.Sub(begun)
	u.took += took
	u.each += (took - u.each) / known
	u.ended++
	u.allowance.under(u.allowance.quota, now)
	u.allowance.left -= took
	u.ran = now
	at := slices.IndexFunc(u.begun, begun.Equal)
	u.begun = slices.Delete(u.begun, at, at+1)
	if u.ended > known && t.priority(u, now) >= heavy {
		rest := min(resting*now.Sub(begun), longestRest)
		u.rest = now.Add(rest)
		time.AfterFunc(rest, t.look)
	}
	t.running--
	t.next()
}

// rests says whether the user waits for others now. It needs the lock.
func (t *turns) rests(u *usage, now time.Time) bool {
	if !now.Before(u.rest) {
		return false
	}
	for _, other := range t.users {
		if other != u && other.active(now) {
			return true
		}
	}
	return false
}

// look gives turns to those who have rested.
func (t *turns) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// forget drops who did nothing for long. It needs the lock.
func (t *turns) forget() {
	for name, u := range t.users {
		if len(u.begun) == 0 && len(u.queue) == 0 && t.now().Sub(u.at) > 20*fading {
			delete(t.users, name)
		}
	}
}

// leave gives up a place in the queue; it is false when the turn has come.
func (u *usage) leave(w *waiter) bool {
	at := slices.Index(u.queue, w)
	if at < 0 {
		return false
	}
	u.queue = slices.Delete(u.queue, at, at+1)
	return true
}

func (u *usage) fade(now time.Time) {
	u.took = time.Duration(float64(u.took) * math.Exp2(-float64(now.Sub(u.at))/float64(fading)))
	u.at = now
}

// taken counts what runs as well.
func (u *usage) taken(now time.Time) time.Duration {
	u.fade(now)
	taken := u.took
	for _, b := range u.begun {
		taken += now.Sub(b)
	}
	return taken
}

// priority is 1 for who takes little, and more the more the user takes: the engine lets a statement wait while one before
// it runs. It needs the lock.
func (t *turns) priority(u *usage, now time.Time) int {
	if u.each > max(brief, usual*t.brevity(u, now)) {
		return lowest
	}
	most := max(modest*float64(fading)/math.Ln2, usual*float64(t.middle(u, now)))
	taken := float64(u.taken(now))
	if taken <= most {
		return 1
	}
	return min(lowest, 2+int(math.Log2(taken/most)))
}

// middle is what the middle one of the others took who have statements now or had some lately. It needs the lock.
func (t *turns) middle(u *usage, now time.Time) time.Duration {
	var took []time.Duration
	for _, other := range t.users {
		if other != u && other.active(now) {
			took = append(took, other.taken(now))
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[(len(took)-1)/2]
}

// brevity is how long statements of the middle one of the others take, who have some now or had some lately.
func (t *turns) brevity(u *usage, now time.Time) time.Duration {
	var each []time.Duration
	for _, other := range t.users {
		if other != u && other.ended > 0 && other.active(now) {
			each = append(each, other.each)
		}
	}
	if len(each) == 0 {
		return 0
	}
	slices.Sort(each)
	return each[(len(each)-1)/2]
}

// active says whether the user has statements, or had some lately.
func (u *usage) active(now time.Time) bool {
	return len(u.begun)+len(u.queue) > 0 || now.Sub(u.ran) < lately
}
