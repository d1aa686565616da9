package bench

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// acked is the list of a tenant's events that were acknowledged, by device and sequence.
type acked struct {
	mu   sync.Mutex
	seen map[string]map[uint64]int
}

func (a *acked) add(device string, sequence uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[string]map[uint64]int{}
	}
	if a.seen[device] == nil {
		a.seen[device] = map[uint64]int{}
	}
	a.seen[device][sequence] = 0
}

func (a *acked) count() (n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, of := range a.seen {
		n += uint64(len(of))
	}
	return n
}

// compare reads the run's events in a tenant's own database. What is stored without an acknowledgement is no fault: it
// may have been lost on its way back.
func (a *acked) compare(ctx context.Context, s access, epoch string) (missing, twice uint64, err error) {
	q := url.Values{"database": {s.ClickHouseDatabase}, "param_epoch": {epoch}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.ClickHouseURL+"/?"+q.Encode(),
		strings.NewReader("select device, sequence from events where epoch = {epoch:String} format TSV"))
	if err != nil {
		return 0, 0, fmt.Errorf("read stored events: %w", err)
	}
	req.SetBasicAuth(s.ClickHouseUsername, s.ClickHousePassword)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, fmt.Errorf("read stored events: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("read stored events: the store answers %s", res.Status)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		device, text, _ := strings.Cut(lines.Text(), "\t")
		sequence, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read stored events: %q: %w", lines.Text(), err)
		}
		if n, ok := a.seen[device][sequence]; ok {
			a.seen[device][sequence] = n + 1
		}
	}
	for _, of := range a.seen {
		for _, n := range of {
			switch {
			case n == 0:
				missing++
			case n > 1:
				twice++
			}
		}
	}
	return missing, twice, lines.Err()
}
