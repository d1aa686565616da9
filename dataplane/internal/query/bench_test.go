package query_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/query"
)

// BenchmarkWindows asks for one measurement of a device that sent nine for a year, among fifty devices with a week.
func BenchmarkWindows(b *testing.B) {
	bundle := setup(b)
	fill := func(devices, minutes int) string {
		return fmt.Sprintf(`insert into %s.minutes (device, measurement, start, segment, version, count, sum, min, max, squares, first, first_time, last, last_time)
select 'device_' || toString(number %% %[2]d), 'm' || toString(intDiv(number, %[2]d) %% 9), toDateTime('2025-01-01 00:00:00', 'UTC') + 60 * intDiv(number, 9 * %[2]d) as at,
    number, number, 60, 60 * sin(number), sin(number) - 1, sin(number) + 1, 30, sin(number), at, cos(number), at + 59
from numbers(%[3]d)`, bundle.tenant.Database(), devices, devices*minutes*9)
	}
	for _, statement := range []string{fill(50, 7*24*60), fill(1, 365*24*60)} {
		bundle.exec(b, statement)
	}
	bundle.makeHours(b, -time.Minute)
	first := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		span       string
		days       int
		resolution query.Resolution
	}{{"day", 1, query.Minute}, {"week", 7, query.QuarterHour}, {"month", 30, query.Hour}, {"year", 365, query.Day}} {
		b.Run(c.span, func(b *testing.B) {
			for b.Loop() {
				got, err := bundle.service.Series(b.Context(), bundle.tenant, query.Request{
					Device: "device_0", Measurements: []string{"m3"}, Start: first, End: first.AddDate(0, 0, c.days), Limit: 2000, Resolution: c.resolution,
				})
				if err != nil || len(got.Series) != 1 {
					b.Fatalf("%d series, error %v", len(got.Series), err)
				}
			}
		})
	}
}

// exec runs a statement that the store has no method for.
func (b *bundle) exec(t testing.TB, statement string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL, strings.NewReader(statement))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-ClickHouse-User", b.server.User)
	req.Header.Set("X-ClickHouse-Key", b.server.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	answer, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", res.Status, answer)
	}
}
