package warehouse

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is one that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newTestTurns(most, each, waiting int) (*turns, *clock) {
	c := &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	return newTurns(c.now, most, each, waiting), c
}

func mustTake(t *testing.T, turns *turns, name string) (int, func()) {
	t.Helper()
	priority, done, err := turns.take(t.Context(), name, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return priority, done
}

// queue asks for a turn of name that does not come at once; the channel yields what ends it.
func queue(t *testing.T, turns *turns, name string) <-chan func() {
	t.Helper()
	before := turns.queued(name)
	got := make(chan func(), 1)
	go func() {
		if _, done, err := turns.take(context.WithoutCancel(t.Context()), name, 20*time.Second); err == nil {
			got <- done
		}
		close(got)
	}()
	tick, late := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for turns.queued(name) == before {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s did not queue", name)
		}
	}
	return got
}

func (t *turns) queued(name string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if u := t.users[name]; u != nil {
		return len(u.queue)
	}
	return 0
}

func TestOneUserCannotTakeEveryTurn(t *testing.T) {
	t.Parallel()
	turns, _ := newTestTurns(4, 2, 8)
	_, first := mustTake(t, turns, "greedy")
	_, second := mustTake(t, turns, "greedy")
	third := queue(t, turns, "greedy")
	_, other := mustTake(t, turns, "modest") // at once, though greedy waits
	first()
	(<-third)()
	second()
	other()
	if turns.running != 0 {
		t.Errorf("%d still run", turns.running)
	}
}

func TestWhoTookLeastComesFirst(t *testing.T) {
	t.Parallel()
	turns, clock := newTestTurns(1, 1, 8)
	_, done := mustTake(t, turns, "greedy")
	clock.pass(3 * time.Second)
	greedy := queue(t, turns, "greedy")
	modest := queue(t, turns, "modest")
	done()
	(<-modest)()
	(<-greedy)()
}

func TestPriorityFollowsWhatWasTakenLately(t *testing.T) {
	t.Parallel()
	turns, clock := newTestTurns(2, 1, 8)
	run := func(name string, took time.Duration) int {
		priority, done := mustTake(t, turns, name)
		clock.pass(took)
		done()
		return priority
	}
	if p := run("greedy", 5*time.Second); p != 1 {
		t.Errorf("a first statement has priority %d, want 1", p)
	}
	after := run("greedy", time.Millisecond)
	if after < 3 {
		t.Errorf("after 5 s of work priority is %d, want 3 or more", after)
	}
	if p := run("modest", 20*time.Millisecond); p != 1 {
		t.Errorf("another user's priority is %d, want 1", p)
	}
	clock.pass(10 * fading)
	if p := run("greedy", time.Millisecond); p != 1 {
		t.Errorf("long after, priority is %d, want 1", p)
	}
}

// TestOnlyWhoTakesMoreThanTheOthersStandsBehind has everybody's statements take long, as on a busy machine.
func TestOnlyWhoTakesMoreThanTheOthersStandsBehind(t *testing.T) {
	t.Parallel()
	turns, clock := newTestTurns(4, 1, 8)
	run := func(name string, took time.Duration) (priority int) {
		priority, done := mustTake(t, turns, name)
		clock.pass(took)
		done()
		return priority
	}
	others := []string{"a", "b", "c"}
	for _, name := range others {
		run(name, 3*time.Second)
	}
	run("greedy", 12*time.Second)
	for _, name := range others {
		run(name, 100*time.Millisecond) // they have statements now
	}
	for _, name := range others {
		if p := run(name, 0); p != 1 {
			t.Errorf("%s, who takes what most take, has priority %d, want 1", name, p)
		}
	}
	turns.mu.Lock()
	defer turns.mu.Unlock()
	if p := turns.priority(turns.users["greedy"], clock.now()); p < heavy {
		t.Errorf("who takes four times as much has priority %d, want %d or more", p, heavy)
	}
}

func TestAHeavyUserRestsWhileOthersHaveStatements(t *testing.T) {
	t.Parallel()
	turns, clock := newTestTurns(2, 1, 8)
	heavyOne := func() {
		_, done := mustTake(t, turns, "heavy")
		clock.pass(20 * time.Second)
		done()
	}
	heavyOne()
	heavyOne() // at once: nobody else has statements
	_, done := mustTake(t, turns, "modest")
	waits := queue(t, turns, "heavy")
	done()
	select {
	case <-waits:
		t.Fatal("the heavy user did not rest")
	default:
	}
	clock.pass(longestRest)
	turns.look()
	(<-waits)()
}

func TestTooManyOfOneUserAreRefused(t *testing.T) {
	t.Parallel()
	turns, _ := newTestTurns(1, 1, 1)
	_, done := mustTake(t, turns, "greedy")
	waits := queue(t, turns, "greedy")
	if _, _, err := turns.take(t.Context(), "greedy", time.Second); err == nil || !strings.Contains(err.Error(), "for user greedy") {
		t.Errorf("a third statement: %v", err)
	}
	if _, _, err := turns.take(t.Context(), "modest", time.Millisecond); err == nil || !strings.Contains(err.Error(), "no turn came") {
		t.Errorf("one whose turn does not come: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := turns.take(gone, "modest", time.Minute); err == nil {
		t.Error("one whose client went away got a turn")
	}
	done()
	(<-waits)()
	if turns.queued("modest") != 0 || turns.running != 0 {
		t.Errorf("%d queued, %d running", turns.queued("modest"), turns.running)
	}
}
