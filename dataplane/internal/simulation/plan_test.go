package simulation

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// effect is what happens at a fault.
type effect string

// What can happen to a call.
const (
	killBefore effect = "kill-before" // the process dies, the request was not sent
	killAfter  effect = "kill-after"  // the process dies when the request had its effect
	lost       effect = "lost"        // the request never arrives, the caller hears so
	unheard    effect = "unheard"     // the request has its effect, the caller hears an error
	late       effect = "late"        // the caller hears an error at once, the request has its effect afterwards
	slow       effect = "slow"
	full       effect = "full"      // no space, for this call
	torn       effect = "torn"      // the store loses power in the middle of an insert: part of it is there, a token without rows
	piecemeal  effect = "piecemeal" // the parts of an insert are stored one by one, the last long after the caller gave up
	amnesia    effect = "amnesia"   // the store loses power and its memory of tokens, after the insert
	again      effect = "again"     // the log delivers an old message once more
)

// What can happen at a time.
const (
	kill      effect = "kill"
	stop      effect = "stop"     // a clean stop, and a new start
	pause     effect = "pause"    // the process stands still, another one takes over
	rival     effect = "rival"    // a second process starts beside it
	cutOff    effect = "cut-off"  // a process does not reach the log's server, another one does
	logAway   effect = "log-away" // the log's server is away
	storeAway effect = "store-away"
	readOnly  effect = "read-only"  // the store refuses every insert
	refusal   effect = "refusal"    // the store refuses one tenant's inserts
	diskFull  effect = "disk-full"  // the store has no space
	logFull   effect = "log-full"   // the log has no space
	powerCut  effect = "power-cut"  // the store starts anew: what is on its way is gone
	logClock  effect = "log-clock"  // the log's clock jumps
	cellClock effect = "cell-clock" // the gateways' clocks jump
)

// fault is one thing that goes wrong: at the nth call of a site, or at a time when site is "at".
type fault struct {
	site   string
	n      int // call number, or milliseconds after the start
	effect effect
	for_   time.Duration
}

func (f fault) String() string {
	if f.for_ != 0 {
		return fmt.Sprintf("%s#%d=%s/%s", f.site, f.n, f.effect, f.for_)
	}
	return fmt.Sprintf("%s#%d=%s", f.site, f.n, f.effect)
}

// plan is a whole run: its seed says everything but the faults and how much is sent.
type plan struct {
	seed   uint64
	sends  int // of each device
	faults []fault
}

func (p plan) String() string {
	words := []string{strconv.FormatUint(p.seed, 10), strconv.Itoa(p.sends)}
	for _, f := range p.faults {
		words = append(words, f.String())
	}
	return strings.Join(words, " ")
}

// parse reads what String wrote. A seed alone is that seed's own plan.
func parse(text string) (plan, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return plan{}, fmt.Errorf("no seed")
	}
	seed, err := strconv.ParseUint(words[0], 10, 64)
	if err != nil || len(words) == 1 {
		return planOf(seed), err
	}
	p := plan{seed: seed}
	if p.sends, err = strconv.Atoi(words[1]); err != nil {
		return p, err
	}
	for _, word := range words[2:] {
		site, rest, _ := strings.Cut(word, "#")
		number, what, ok := strings.Cut(rest, "=")
		if !ok {
			return p, fmt.Errorf("%q is not site#number=effect", word)
		}
		f := fault{site: site}
		if f.n, err = strconv.Atoi(number); err != nil {
			return p, err
		}
		name, lasts, has := strings.Cut(what, "/")
		f.effect = effect(name)
		if has {
			if f.for_, err = time.ParseDuration(lasts); err != nil {
				return p, err
			}
		}
		p.faults = append(p.faults, f)
	}
	return p, nil
}

// traffic is how long devices send.
const traffic = 40 * time.Second

// sites are the calls that faults are put on: how many there are of each, about, and what may happen.
var sites = []struct {
	name    string
	calls   int
	effects []effect
}{
	{"append:%d", 120, []effect{killBefore, killAfter, lost, unheard, late, slow, full}},
	{"next:%d", 120, []effect{lost, again, slow, killBefore}},
	{"record:%d", 40, []effect{killBefore, killAfter, lost, unheard, late, slow}},
	{"load:%d", 3, []effect{killBefore, lost, slow}},
	{"insert:%d/a/events", 40, []effect{killBefore, killAfter, lost, unheard, late, slow, full, torn, piecemeal, amnesia}},
	{"insert:%d/b/events", 40, []effect{killBefore, killAfter, lost, unheard, late, slow, full, torn, piecemeal, amnesia}},
	{"insert:%d/a/windows", 10, []effect{killBefore, killAfter, lost, unheard, late, slow, torn}},
	{"insert:%d/b/dead_letters", 6, []effect{killBefore, killAfter, lost, unheard, late, slow, torn, piecemeal, amnesia}},
	{"stored:%d/a/events", 3, []effect{killBefore, lost, slow}},
	{"drop-checkpoint:%d", 12, []effect{killBefore, killAfter, lost, unheard, late, slow}},
	{"checkpoint:%d", 12, []effect{killBefore, killAfter, lost, unheard, late, slow}},
	{"usage:%d", 20, []effect{killBefore, killAfter, lost, unheard, late, slow}},
	{"trim", 12, []effect{killBefore, killAfter, lost, unheard, late, slow}},
	{"park", 2, []effect{killBefore, killAfter, lost, unheard, late}},
	{"unpark", 2, []effect{killBefore, killAfter, lost, unheard}},
}

var moments = []effect{kill, kill, stop, pause, pause, rival, cutOff, logAway, storeAway, readOnly, refusal, diskFull, logFull, powerCut, logClock, cellClock}

// planOf makes a seed's plan.
func planOf(seed uint64) plan {
	r := rand.New(rand.NewPCG(seed, 7))
	p := plan{seed: seed, sends: 4 + r.IntN(28)}
	for range r.IntN(9) {
		s := sites[r.IntN(len(sites))]
		name := s.name
		if strings.Contains(name, "%d") {
			name = fmt.Sprintf(name, r.IntN(partitions))
		}
		// Early calls more often: the first of anything is where a mistake shows.
		f := fault{site: name, n: 1 + r.IntN(1+r.IntN(s.calls)), effect: s.effects[r.IntN(len(s.effects))]}
		if f.effect == slow || f.effect == late {
			f.for_ = time.Duration(1+r.IntN(15_000)) * time.Millisecond
		}
		p.faults = append(p.faults, f)
	}
	for range r.IntN(6) {
		f := fault{site: "at", n: r.IntN(int(traffic / time.Millisecond)), effect: moments[r.IntN(len(moments))]}
		switch f.effect {
		case kill, stop, powerCut:
			f.for_ = time.Duration(r.IntN(5000)) * time.Millisecond
		case logClock, cellClock:
			f.for_ = time.Duration(r.Int64N(int64(6*time.Hour))) - 3*time.Hour
			if r.IntN(3) == 0 {
				f.for_ *= 24
			}
			f.for_ = f.for_.Truncate(time.Millisecond)
		default:
			f.for_ = time.Duration(100+r.IntN(20_000)) * time.Millisecond
		}
		p.faults = append(p.faults, f)
	}
	// A process that stands still between looking what is stored and its insert, while the store loses power and its memory of
	// tokens: that needs a store that keeps its tokens, and is beyond what is promised.
	if slices.ContainsFunc(p.faults, func(f fault) bool { return f.effect == pause }) {
		for i := range p.faults {
			if p.faults[i].effect == amnesia {
				p.faults[i].effect = torn
			}
		}
	}
	slices.SortStableFunc(p.faults, func(a, b fault) int { return strings.Compare(a.site, b.site) })
	return p
}

// number is a stable random number of the seed for a purpose.
func (p plan) number(purpose string, n int) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(purpose))
	x := h.Sum64() ^ p.seed*0x9e3779b97f4a7c15 ^ uint64(n)*0xd1342543de82ef95
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
