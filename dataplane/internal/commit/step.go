package commit

import (
	"context"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/engine"
)

// step feeds the engine and cuts ranges until the frames end.
func (r *Runner) step(ctx context.Context, frames <-chan engine.Frame) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	due := false
	for {
		in, slot := frames, chan<- struct{}(nil)
		if r.out.Events >= 2*r.cfg.Events {
			in = nil
		}
		if due {
			slot = r.slots
		}
		f, what := next(ctx, slot, in, timer.C)
		switch what {
		case slotTaken:
			due = false
			if err := r.cut(ctx, false); err != nil {
				return err
			}
		case timerFired:
			if wait := r.wait(); wait > 0 && r.out.Frames > 0 {
				timer.Reset(wait) // more tenants came to the range
			} else {
				due = r.out.Frames > 0 && len(r.recorded) == 0
			}
		case framesEnded:
			return r.drain(ctx)
		case stopped:
			return ctx.Err()
		case frameArrived:
			live := r.live
			if err := r.take(ctx, f); err != nil {
				return err
			}
			if r.out.Frames == 0 {
				due = false
			} else if wait := r.wait(); wait <= 0 || r.out.Events >= r.cfg.Events {
				due = len(r.recorded) == 0
			} else if r.out.Frames == 1 || r.live != live {
				timer.Reset(wait)
			}
		}
	}
}

type happening int

const (
	slotTaken happening = iota
	frameArrived
	framesEnded
	timerFired
	stopped
)

// next waits for the first of these. Of what is ready it takes the slot first, then a frame: the same arrivals give the
// same ranges, so that a simulated run can be repeated.
func next(ctx context.Context, slot chan<- struct{}, frames <-chan engine.Frame, timer <-chan time.Time) (f engine.Frame, what happening) {
	ok := false
	select {
	case slot <- struct{}{}:
		return f, slotTaken
	default:
	}
	select {
	case f, ok = <-frames:
		return f, arrival(ok)
	default:
	}
	select {
	case slot <- struct{}{}:
		return f, slotTaken
	case f, ok = <-frames:
		return f, arrival(ok)
	case <-timer:
		return f, timerFired
	case <-ctx.Done():
		return f, stopped
	}
}

func arrival(ok bool) happening {
	if !ok {
		return framesEnded
	}
	return frameArrived
}
