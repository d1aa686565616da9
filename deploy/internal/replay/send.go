package replay

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/mqttclient"
)

// pace is how fast rows are sent: a factor of the recording's own speed, or rows a second; neither: as fast as they are
// acknowledged.
type pace struct {
	factor    float64
	perSecond float64
}

func parseRate(s string) (pace, error) {
	if s == "max" {
		return pace{}, nil
	}
	number, times := strings.CutSuffix(s, "x")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return pace{}, command.Usage("--rate %q: want a factor such as 50x, events a second such as 200, or max", s)
	}
	if times {
		return pace{factor: v}, nil
	}
	return pace{perSecond: v}, nil
}

// due is when row n is sent, counted from the first, which was recorded elapsed before it.
func (p pace) due(n int, elapsed time.Duration) time.Duration {
	switch {
	case p.factor > 0:
		return time.Duration(float64(elapsed) / p.factor)
	case p.perSecond > 0:
		return time.Duration(float64(n) / p.perSecond * float64(time.Second))
	}
	return 0
}

// sending is one recording on its way.
type sending struct {
	client  *mqttclient.Client
	pace    pace
	epoch   string
	device  string
	shiftTo time.Time
	now     func() time.Time

	rows, values int
}

func (s *sending) all(ctx context.Context, rows *Reader) error {
	begun := s.now()
	var first time.Time
	for {
		row, ok, err := rows.Next()
		if err != nil || !ok {
			s.client.Flush()
			return err
		}
		if first.IsZero() {
			first = row.Time
		}
		if err := s.wait(ctx, begun.Add(s.pace.due(s.rows, row.Time.Sub(first)))); err != nil {
			return err
		}
		if !s.shiftTo.IsZero() {
			row.Time = s.shiftTo.Add(row.Time.Sub(first))
		}
		if err := s.send(row); err != nil {
			return err
		}
	}
}

// wait returns at the time; close ones are sent together.
func (s *sending) wait(ctx context.Context, due time.Time) error {
	left := due.Sub(s.now())
	if left < time.Millisecond {
		return ctx.Err()
	}
	s.client.Flush()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(left):
		return nil
	}
}

func (s *sending) send(row Row) error {
	values := make(map[string]json.Number, len(row.Values))
	for _, v := range row.Values {
		values[v.Name] = json.Number(v.Text)
	}
	payload, err := json.Marshal(struct {
		DeviceID     string                 `json:"deviceId"`
		Timestamp    string                 `json:"timestamp"`
		Epoch        string                 `json:"epoch"`
		Sequence     int                    `json:"sequence"`
		Measurements map[string]json.Number `json:"measurements"`
	}{s.device, row.Time.UTC().Format(time.RFC3339Nano), s.epoch, s.rows, values})
	if err != nil {
		return fmt.Errorf("write row %d as JSON: %w", s.rows+1, err)
	}
	mark := mqttclient.Mark{Sequence: uint64(s.rows), EventTime: row.Time.UnixNano(), Due: s.now().UnixNano()}
	if err := s.client.Publish(topic, payload, mark); err != nil {
		return fmt.Errorf("send row %d: %w", s.rows+1, err)
	}
	s.rows++
	s.values += len(row.Values)
	return nil
}
