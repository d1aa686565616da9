package warehouse

import (
	"context"
	"sync"
	"time"
)

// sessions keeps the connections that clients named with session_id, each for its user alone.
type sessions struct {
	now  func() time.Time
	most int

	mu   sync.Mutex
	open map[sessionKey]*session
}

type sessionKey struct{ user, id string }

// session is a connection that outlives its requests, with its temporary tables and settings.
type session struct {
	conn    *conn
	engine  *engine
	busy    bool
	expires time.Time
}

func newSessions(now func() time.Time, most int) *sessions {
	return &sessions{now: now, most: most, open: map[sessionKey]*session{}}
}

// take returns the session, made by create if it is new, and marks it busy. Give it back with free.
func (s *sessions) take(key sessionKey, mustExist bool, create func() (*session, error)) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.open[key]; found != nil {
		if found.busy {
			return nil, exception(codeSessionLocked, "SESSION_IS_LOCKED", "Session %s is locked by a concurrent client", key.id)
		}
		found.busy = true
		return found, nil
	}
	if mustExist {
		return nil, exception(codeSessionNotFound, "SESSION_NOT_FOUND", "Session %s not found", key.id)
	}
	if len(s.open) >= s.most {
		return nil, exception(codeTooManyQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "There are %d sessions, the maximum; let one expire or send no session_id", s.most)
	}
	made, err := create()
	if err != nil {
		return nil, err
	}
	made.busy = true
	s.open[key] = made
	return made, nil
}

func (s *sessions) free(key sessionKey, timeout time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.open[key]; found != nil {
		found.busy = false
		found.expires = s.now().Add(timeout)
	}
}

// sweep closes the sessions that expired, until ctx is done.
func (s *sessions) sweep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.closeIf(func(one *session) bool { return !one.busy && one.expires.Before(s.now()) })
		}
	}
}

// closeAll closes the sessions that no request uses: the engine cannot stop or restart while a connection is open.
func (s *sessions) closeAll() { s.closeIf(func(one *session) bool { return !one.busy }) }

func (s *sessions) closeIf(condemned func(*session) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, one := range s.open {
		if condemned(one) {
			delete(s.open, key)
			one.conn.spoiled = true
			one.engine.release(one.conn)
		}
	}
}
