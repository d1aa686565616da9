package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/natswire"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	"github.com/millwright-io/millwright/tenancy"
)

// streamName is what an acknowledgement says the stream is. Clients want a name; ours are not told.
const streamName = "telemetry"

// natsAnswer is one that is due.
type natsAnswer struct {
	reply string
	since time.Time
	// due is how many receipts are still to come.
	due      int
	accepted int
	// refused are events that became dead letters; nil: none.
	refused *refusal
	failed  error
}

// acknowledgement has the form of JetStream's, so that a client library's publish to a stream works: Sequence counts what was
// acknowledged on the connection and is no place in the log.
type acknowledgement struct {
	Stream   string `json:"stream"`
	Sequence uint64 `json:"seq"`
	Accepted int    `json:"accepted"`
}

// rejection has the form of JetStream's refusals, and what a refusal over HTTP says.
type rejection struct {
	Error    rejectionError      `json:"error"`
	Accepted int                 `json:"accepted"`
	Details  []detail            `json:"details,omitempty"`
	Limit    *tenancy.LimitError `json:"limit,omitempty"`
}

type rejectionError struct {
	Code int `json:"code"`
	// Number is JetStream's, for the one refusal that clients tell by it.
	Number      int    `json:"err_code,omitempty"`
	Description string `json:"description"`
}

// wrongLast is JetStream's number for a message whose predecessor is not the last one.
const wrongLast = 10070

func reject(number, status int, words refusal) []byte {
	text, _ := json.Marshal(rejection{rejectionError{status, number, words.Message}, words.Accepted, words.Details, words.Limit}) // strings and numbers
	return text
}

// expect waits until another message may wait for its answer, and notes this one; meanwhile nothing is read. It returns false when
// the connection ended.
func (s *natsSession) expect(m *natsMessage, reply string) bool {
	select {
	case s.slots <- struct{}{}:
	case <-s.ctx.Done():
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token++
	m.token = s.token
	s.waiting[m.token] = &natsAnswer{reply: reply, since: s.g.Now()}
	return true
}

// await says what an answer waits for, and returns how many receipts that is, with one that keeps it open meanwhile.
func (s *natsSession) await(token uint64, got telemetry.Result) int {
	due := 1 + len(got.Invalid)
	if len(got.Events) > 0 {
		due++
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.waiting[token]; a != nil {
		a.due, a.accepted = due, len(got.Events)
		if len(got.Invalid) > 0 {
			words := invalid(got)
			a.refused = &words
		}
	}
	return due
}

// settle takes n receipts off an answer that will not come.
func (s *natsSession) settle(token uint64, n int, err error) {
	s.receipt(token, n, err)
	s.wakeWriter()
}

// refuse answers a message at once.
func (s *natsSession) refuse(token uint64, err error) { s.settle(token, 0, err) }

// Stored implements frame.Receipt.
func (s *natsSession) Stored(token uint64, err error) { s.receipt(token, 1, err) }

// Flush implements frame.Receipt.
func (s *natsSession) Flush() { s.wakeWriter() }

func (s *natsSession) receipt(token uint64, n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.waiting[token]
	if a == nil {
		return
	}
	a.due -= n
	if err != nil {
		a.failed = err
	}
	if a.due > 0 {
		return
	}
	delete(s.waiting, token)
	<-s.slots
	s.deliver(a)
	if s.emptied != nil && len(s.waiting) == 0 {
		close(s.emptied)
		s.emptied = nil
	}
}

// deliver queues an answer for the subscription that it matches. It needs the lock.
func (s *natsSession) deliver(a *natsAnswer) {
	var text []byte
	switch {
	case a.failed != nil:
		number := 0
		if errors.Is(a.failed, errWrongLast) {
			number = wrongLast
		}
		status, words := judge(a.failed)
		text = reject(number, status, words)
	case a.refused != nil:
		text = reject(0, http.StatusBadRequest, *a.refused)
	default:
		s.answered++
		text, _ = json.Marshal(acknowledgement{streamName, s.answered, a.accepted})
	}
	s.g.Metrics.latency.Observe(s.g.Now().Sub(a.since).Seconds())
	for i := range s.subscriptions {
		of := &s.subscriptions[i]
		if s.ending || !natswire.Matches(of.subject, a.reply) {
			continue
		}
		s.out = natswire.AppendMessage(s.out, a.reply, of.sid, text)
		of.got++
	}
	s.subscriptions = slices.DeleteFunc(s.subscriptions, func(of subscription) bool { return of.most > 0 && of.got >= of.most })
}
