// Package caller remembers what the database said of callers, which tenant a session acts for, which key is whose and what
// a tenant's own roles may do, so that a request costs no query. The database announces every change; while nobody listens to it, nothing is remembered.
// The composition root imports it.
package caller

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/key"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/tenancy"
)

// Source is where it is all kept.
type Source interface {
	// Standing returns what a session acts with.
	Standing(ctx context.Context, session, person string) (tenant.Standing, error)
	// PresentedKey returns the key of that id whatever its tenant, or an ErrNotFound.
	PresentedKey(ctx context.Context, key string) (key.Key, error)
	// CustomRoles returns what a tenant's own roles may do.
	CustomRoles(ctx context.Context, id tenancy.ID) (*tenancy.CustomRoles, error)
	// OnChange has changed called with every change that this process makes, before whoever made it has its answer: they
	// must not be taken for who they were in their next request.
	OnChange(changed func(kind, id string))
	// Changes calls listening once every later change will be told, and changed with each: of kind `person`, `key`, `role`
	// (a tenant's) or `tenant` (everybody who acts for it). It returns when it cannot go on.
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
	roles     map[tenancy.ID]*tenancy.CustomRoles
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
	m.standings, m.keys, m.roles = map[string]map[string]tenant.Standing{}, map[string]key.Key{}, map[tenancy.ID]*tenancy.CustomRoles{}
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
	case "role":
		delete(m.roles, tenancy.ID(id))
	case "tenant":
		m.forgetTenant(tenancy.ID(id))
	}
}

func (m *Memory) forgetTenant(id tenancy.ID) {
	delete(m.roles, id)
	maps.DeleteFunc(m.keys, func(_ string, k key.Key) bool { return k.Tenant == id })
	for person, sessions := range m.standings {
		maps.DeleteFunc(sessions, func(_ string, st tenant.Standing) bool { return st.Tenant == id })
		if len(sessions) == 0 {
			delete(m.standings, person)
		}
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

// CustomRoles returns what a tenant's own roles may do.
func (m *Memory) CustomRoles(ctx context.Context, id tenancy.ID) (*tenancy.CustomRoles, error) {
	m.mu.Lock()
	r, ok := m.roles[id]
	before := m.change
	m.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := m.source.CustomRoles(ctx, id)
	if err == nil {
		m.remember(before, func() { m.roles[id] = r })
	}
	return r, err
}

// remember calls keep unless something changed since before.
func (m *Memory) remember(before uint64, keep func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.listening || m.change != before {
		return
	}
	if len(m.standings)+len(m.keys)+len(m.roles) >= capacity {
		clear(m.standings)
		clear(m.keys)
		clear(m.roles)
	}
	keep()
}
