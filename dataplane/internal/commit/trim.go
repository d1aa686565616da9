package commit

import (
	"context"
	"sync"
)

// Trimmer drops what no partition needs of the log that they share: everything up to the lowest checkpoint that counts,
// whoever works on its partition, but a tail. It is safe for concurrent use.
type Trimmer struct {
	lowest func(ctx context.Context) (uint64, error)
	trim   func(ctx context.Context, through uint64) error
	// tail is how many messages before the lowest checkpoint stay, and half of what must have gathered before a call.
	tail uint64

	mu sync.Mutex
	// trimmed is the lowest checkpoint that the log was trimmed by.
	trimmed uint64
}

// NewTrimmer returns a trimmer that asks lowest for the lowest checkpoint.
func NewTrimmer(tail uint64, lowest func(ctx context.Context) (uint64, error), trim func(ctx context.Context, through uint64) error) *Trimmer {
	return &Trimmer{lowest: lowest, trim: trim, tail: tail}
}

// Checkpointed says that some partition never needs what is at or before through again.
func (t *Trimmer) Checkpointed(ctx context.Context, through uint64) error {
	t.mu.Lock()
	due := through > t.trimmed+2*t.tail
	t.mu.Unlock()
	if !due {
		return nil
	}
	lowest, err := t.lowest(ctx)
	if err == nil && lowest > t.tail {
		err = t.trim(ctx, lowest-t.tail)
	}
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trimmed = max(t.trimmed, lowest)
	return nil
}
