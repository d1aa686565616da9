// Package caller remembers what the database said of callers, which tenant a session acts for and which key is whose, so
// that a request costs no query. The database announces every change; while nobody listens to it, nothing is remembered.
// The composition root imports it.
package caller

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
)

// Source is where it is all kept.
type Source interface {
	// Standing returns what a session acts with.
	Standing(ctx context.Context, session, person string) (tenant.Standing, error)
	// PresentedKey returns the key of that id whatever its tenant, or an ErrNotFound.
	PresentedKey(ctx context.Context, key string) (key.Key, error)
	// OnChange has changed called with every change that this process makes, before whoever made it has its answer: they
	// must not be taken for who they were in their next request.
	OnChange(changed func(kind, id string))
	// Changes calls listening once every later change will be told, and changed with each: of kind `person` or `key`. It
	// returns when it cannot go on.
	Changes(ctx context.Context, listening func(), changed func(kind, id string)) error
}

const (
	// capacity bounds what is remembered of each kind; when it is full, all goes.
	capacity = 50_000
	retry    = time.Second
)

// Memory is a Source that asks another one only once. It is safe for concurrent use.
type Memory struct {
	source Source
	log    *slog.Logger

	mu sync.Mutex
	// listening: changes are told; only then may anything be remembered.
	listening bool
	// change counts what was told. An answer that was asked for before a change must not be remembered after it.
	change    uint64
	standings map[string]map[string]tenant.Standing // person, session
	keys      map[string]key.Key
}

// NewMemory returns an empty memory; Run it.
func NewMemory(source Source, log *slog.Logger) *Memory {
	m := &Memory{source: source, log: log}
	m.forgetAll(false)
	source.OnChange(m.forget)
	return m
}

// Run listens until ctx is done, through every absence of the database.
func (m *Memory) Run(ctx context.Context) error {
	for {
		err := m.source.Changes(ctx, func() { m.forgetAll(true) }, m.forget)
		m.forgetAll(false)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to stop
		}
		m.log.WarnContext(ctx, "every caller is looked up until the database tells of changes again", slog.Any("error", err))
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry):
		}
	}
}

func (m *Memory) forgetAll(listening bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listening = listening
	m.change++
	m.standings, m.keys = map[string]map[string]tenant.Standing{}, map[string]key.Key{}
}

func (m *Memory) forget(kind, id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.change++
	switch kind {
	case "person":
		delete(m.standings, id)
	case "key":
		delete(m.keys, id)
	}
}

// Standing returns what a session acts with.
func (m *Memory) Standing(ctx context.Context, session, person string) (tenant.Standing, error) {
	m.mu.Lock()
	st, ok := m.standings[person][session]
	before := m.change
	m.mu.Unlock()
	if ok {
		return st, nil
	}
	st, err := m.source.Standing(ctx, session, person)
	if err == nil {
		m.remember(before, func() {
			if m.standings[person] == nil {
				m.standings[person] = map[string]tenant.Standing{}
			}
			m.standings[person][session] = st
		})
	}
	return st, err
}

// PresentedKey implements key.Presented.
func (m *Memory) PresentedKey(ctx context.Context, id string) (key.Key, error) {
	m.mu.Lock()
	k, ok := m.keys[id]
	before := m.change
	m.mu.Unlock()
	if ok {
		return k, nil
	}
	k, err := m.source.PresentedKey(ctx, id)
	if err == nil {
		m.remember(before, func() { m.keys[id] = k })
	}
	return k, err
}

// remember calls keep unless something changed since before.
func (m *Memory) remember(before uint64, keep func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.listening || m.change != before {
		return
	}
	if len(m.standings)+len(m.keys) >= capacity {
		clear(m.standings)
		clear(m.keys)
	}
	keep()
}
