package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millwright-io/millwright/e2e/stack"
)

const (
	// backlogVariable is how many devices catch up; set, the run is the whole: an event a minute over seven days, and the bound on latency holds.
	backlogVariable = "MILLWRIGHT_E2E_BACKLOG_DEVICES"
	backlogAge      = 7 * 24 * time.Hour
	backlogBatch    = 100
	// solo is how long live traffic is measured alone.
	solo = 10 * time.Second
	// slower is how much slower live traffic may be beside the backlog.
	slower = 1.25
)

// TestAWeekOfBacklog lets devices send what they recorded in a week, twice and in no order, while another one sends live. Every second one
// counts its messages, the others only have ids.
func TestAWeekOfBacklog(t *testing.T) {
	s := stack.Start(t, stack.Options{})
	devices, each, whole := 4, 500, false
	if text := os.Getenv(backlogVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", backlogVariable, err)
		}
		devices, each, whole = n, int(backlogAge/time.Minute), true
	}
	live := &liveDevice{client: stack.DeviceHTTP(t, newDevice(t, s, "live_01")), url: s.Demo.IngestURL, start: time.Now()}
	live.run(t, time.Now().Add(solo), nil)
	clients := make([]*http.Client, devices)
	for i := range clients {
		clients[i] = stack.DeviceHTTP(t, newDevice(t, s, fmt.Sprintf("backlog_%02d", i)))
	}
	var senders sync.WaitGroup
	caughtUp := make(chan struct{})
	began := time.Now()
	for i, client := range clients {
		identity := `"sequence":%d,"epoch":"boot"`
		if i%2 == 1 {
			identity = `"messageId":"m%d"`
		}
		senders.Go(func() { catchUp(t, client, s.Demo.IngestURL, identity, each, uint64(i)) })
	}
	go func() { senders.Wait(); close(caughtUp) }()
	before := live.took
	live.run(t, began.Add(20*time.Minute), caughtUp)
	during, lasted := live.took, time.Since(began)
	live.run(t, time.Now().Add(solo), nil)
	// Alone is before and after, so that what else the machine does is in both.
	alone, beside := quantile(slices.Concat(before, live.took), 0.99), quantile(during, 0.99)
	t.Logf("%d devices, %d events each, twice: %s; live p50 before %s, beside %s, after %s; p99 before %s, beside %s, after %s, ratio %.2f", devices, each,
		lasted.Round(time.Second), quantile(before, 0.5), quantile(during, 0.5), quantile(live.took, 0.5),
		quantile(before, 0.99), beside, quantile(live.took, 0.99), float64(beside)/float64(alone))
	if live.refused > 0 {
		t.Errorf("%d live events were refused", live.refused)
	}
	if whole && float64(beside) > slower*float64(alone) {
		t.Errorf("live p99 is %s beside the backlog, %s alone: more than %.2f times", beside, alone, slower)
	}
	stack.Eventually(t, 60*time.Second, "every event is stored once", func() error { return storedOnce(s, "backlog_%", devices*each) })
	stack.Eventually(t, 30*time.Second, "every live event is stored once", func() error { return storedOnce(s, "live_01", live.acked) })
	usageEqualsStored(t, s)
	verifyCell(t, s)
}

// catchUp sends a device's events twice, all batches of both times in no order; what is refused for its rate is sent again when it is told.
func catchUp(t *testing.T, client *http.Client, url, identity string, events int, seed uint64) {
	end := time.Now().Add(-10 * time.Minute)
	gap := (backlogAge - time.Hour) / time.Duration(events)
	var numbers []int
	for range 2 {
		for i := range events {
			numbers = append(numbers, i)
		}
	}
	r := rand.New(rand.NewPCG(seed, 5))
	r.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	for batch := range slices.Chunk(numbers, backlogBatch) {
		var body strings.Builder
		for _, n := range batch {
			at := end.Add(-time.Duration(events-n) * gap).UTC().Format(time.RFC3339Nano)
			_, _ = fmt.Fprintf(&body, `{`+identity+`,"timestamp":%q,"measurements":{"temperature":%d,"vibration":{"x":%d}}}`+"\n", n, at, n%90, n%7)
		}
		for {
			status, retry, err := postOnce(t.Context(), client, url, body.String())
			if err == nil && status == http.StatusAccepted {
				break
			}
			if t.Context().Err() != nil || err == nil && status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
				t.Errorf("a batch is answered %d, %v", status, err)
				return
			}
			pause(t, max(retry, 50*time.Millisecond))
		}
	}
}

func postOnce(ctx context.Context, client *http.Client, url, body string) (status int, retry time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, 0, err
	}
	res, err := client.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
	return res.StatusCode, time.Duration(seconds) * time.Second, nil
}

// liveDevice sends 50 events a second, each by itself, and notes how long each took from when it was due.
type liveDevice struct {
	client         *http.Client
	url            string
	start          time.Time
	took           []time.Duration
	acked, refused int
}

func (d *liveDevice) run(t *testing.T, until time.Time, done <-chan struct{}) {
	t.Helper()
	d.took = nil
	for due := time.Now(); due.Before(until); due = due.Add(20 * time.Millisecond) {
		select {
		case <-done:
			return
		case <-time.After(time.Until(due)):
		}
		body := fmt.Sprintf(`{"messageId":"live%d","timestamp":%q,"measurements":{"temperature":20}}`, d.acked+d.refused, time.Now().UTC().Format(time.RFC3339Nano))
		status, _, err := postOnce(t.Context(), d.client, d.url, body)
		if err != nil || status != http.StatusAccepted {
			d.refused++
			t.Logf("a live event is answered %d, %v", status, err)
			continue
		}
		d.acked++
		d.took = append(d.took, time.Since(due))
	}
}

func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[int(float64(len(sorted)-1)*q)].Round(10 * time.Microsecond)
}

// storedOnce counts the rows of devices against the messages that they sent.
func storedOnce(s *stack.Stack, devices string, want int) error {
	conn, err := openStore(s)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var rows, distinct uint64
	if err := conn.QueryRow(context.Background(), "select count(), uniqExact(device, sequence, message_id) from events where device like ?", devices).Scan(&rows, &distinct); err != nil {
		return err
	}
	if rows != uint64(want) || distinct != uint64(want) {
		return fmt.Errorf("%d rows of %s, %d messages, want %d", rows, devices, distinct, want)
	}
	return nil
}
