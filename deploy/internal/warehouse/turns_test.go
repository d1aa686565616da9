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
	priority, done, err := turns.take(t.Context(), name, quota{}, 10*time.Second)
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
		if _, done, err := turns.take(context.WithoutCancel(t.Context()), name, quota{}, 20*time.Second); err == nil {
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
	for n := range known {
		if p := run("modest", 20*time.Millisecond); p != heavy {
			t.Errorf("statement %d of a user who is not known has priority %d, want %d", n+1, p, heavy)
		}
	}
	run("greedy", 5*time.Second)
	after := run("greedy", time.Millisecond)
	if after < 3 {
		t.Errorf("after 5 s of work priority is %d, want 3 or more", after)
	}
	if p := run("modest", 20*time.Millisecond); p != 1 {
		t.Errorf("another user's priority is %d, want 1", p)
	}
	clock.pass(10 * fading)
	for range 20 {
		run("greedy", time.Millisecond)
	}
	if p := run("greedy", time.Millisecond); p != 1 {
		t.Errorf("long after, priority is %d, want 1", p)
	}
}

func TestWhoseStatementsAreLongIsLast(t *testing.T) {
	t.Parallel()
	turns, clock := newTestTurns(2, 1, 8)
	run := func(name string, took time.Duration) int {
		priority, done := mustTake(t, turns, name)
		clock.pass(took)
		done()
		return priority
	}
	for range 5 {
		clock.pass(10 * fading) // so that its share is small
		run("long", 4*brief)
		clock.pass(longestRest)
		for range known {
			run("short", brief/10)
		}
	}
	clock.pass(longestRest)
	if p := run("long", 0); p != lowest {
		t.Errorf("whose statements take %s has priority %d, want %d", 4*brief, p, lowest)
	}
	if p := run("short", 0); p != 1 {
		t.Errorf("whose statements take %s has priority %d, want 1", brief/10, p)
	}
}

func TestAQuotaRefusesUntilItIsPaidBack(t *testing.T) {
	t.Parallel()
	turns, clock := newTestTurns(2, 2, 8)
	of := quota{Name: "q", Interval: 5 * time.Second, Most: time.Second}
	run := func(took time.Duration) error {
		_, done, err := turns.take(t.Context(), "u", of, time.Second)
		if err == nil {
			clock.pass(took)
			done()
		}
		return err
	}
	if err := run(3 * time.Second); err != nil { // what it begins with, and two seconds, less what came meanwhile
		t.Fatal(err)
	}
	err := run(0)
	if e := asException(err); err == nil || e.Code != codeQuotaExceeded || !strings.Contains(e.Text, "execution_time = ") || !strings.Contains(e.Text, "Interval will end at 2026-03-01 12:00:1") {
		t.Fatalf("over the quota: %v", err)
	}
	clock.pass(11 * time.Second)
	if err := run(0); err != nil {
		t.Errorf("after it was paid back: %v", err)
	}
	of = quota{}
	for range 3 {
		if err := run(time.Minute); err != nil {
			t.Errorf("without a quota: %v", err)
		}
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
	for range known {
		for _, name := range others {
			run(name, 100*time.Millisecond) // they are known, and have statements now
		}
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
	for range known + 2 {
		heavyOne() // at once: nobody else has statements
	}
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
	if _, _, err := turns.take(t.Context(), "greedy", quota{}, time.Second); err == nil || !strings.Contains(err.Error(), "for user greedy") {
		t.Errorf("a third statement: %v", err)
	}
	if _, _, err := turns.take(t.Context(), "modest", quota{}, time.Millisecond); err == nil || !strings.Contains(err.Error(), "no turn came") {
		t.Errorf("one whose turn does not come: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := turns.take(gone, "modest", quota{}, time.Minute); err == nil {
		t.Error("one whose client went away got a turn")
	}
	done()
	(<-waits)()
	if turns.queued("modest") != 0 || turns.running != 0 {
		t.Errorf("%d queued, %d running", turns.queued("modest"), turns.running)
	}
}
