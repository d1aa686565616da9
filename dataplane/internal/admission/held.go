package admission

import "time"

const (
	// heldSlot is how exactly is known when a held event is used, heldSlots how many slots there are, heldSeconds how far they reach.
	heldSlot    = time.Second / 32
	heldSlots   = 64
	heldSeconds = int64(heldSlots * heldSlot / time.Second)
)

// held counts events that were admitted ahead of time and wait for it. If the process dies, they are not used.
type held struct {
	slots *[heldSlots]int64
	at    int64
	sum   int64
}

func (h *held) add(now time.Time, wait time.Duration, n int64) {
	if h.slots == nil {
		h.slots = &[heldSlots]int64{}
	}
	h.advance(now)
	slot := min(now.Add(wait).UnixNano()/int64(heldSlot), h.at+heldSlots-1)
	h.slots[slot%heldSlots] += n
	h.sum += n
}

// now is how many wait.
func (h *held) now(now time.Time) int64 {
	if h.sum == 0 {
		return 0
	}
	h.advance(now)
	return h.sum
}

// advance lets go of the slots before now.
func (h *held) advance(now time.Time) {
	slot := now.UnixNano() / int64(heldSlot)
	for n := 0; h.at < slot && n < heldSlots; n++ {
		h.sum -= h.slots[h.at%heldSlots]
		h.slots[h.at%heldSlots] = 0
		h.at++
	}
	h.at = max(h.at, slot)
}
