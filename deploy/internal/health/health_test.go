package health_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millwright-io/millwright/deploy/internal/health"
)

func TestExpositionsAreMergedByFamily(t *testing.T) {
	t.Parallel()
	m := health.NewMetrics()
	read := func(process, text string) {
		t.Helper()
		if err := m.Read(process, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	read("cell", "# HELP go_threads Threads of it.\n# TYPE go_threads gauge\ngo_threads 7\n# TYPE wait histogram\nwait_bucket{le=\"1\"} 2\nwait_sum 3.5\n")
	read("controlplane", "# TYPE go_threads gauge\ngo_threads{} 9\n")
	m.Add("up_restarts", "counter", "Restarts.", 3, "process", "cell")
	var out strings.Builder
	m.Write(&out)
	want := `# HELP go_threads Threads of it.
# TYPE go_threads gauge
go_threads{process="cell"} 7
go_threads{process="controlplane"} 9
# HELP up_restarts Restarts.
# TYPE up_restarts counter
up_restarts{process="cell"} 3
# TYPE wait histogram
wait_bucket{process="cell",le="1"} 2
wait_sum{process="cell"} 3.5
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Fatal(diff)
	}
}

func TestReadinessNamesWhatIsNotReady(t *testing.T) {
	t.Parallel()
	child := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x_total 1\n") }))
	defer child.Close()
	problem := errors.New("it is starting")
	tree := health.Tree{
		Started: func() bool { return true },
		Checks: func() []health.Check {
			return []health.Check{{Name: "cell", Check: func(context.Context) error { return problem }}}
		},
		Sources: func() []health.Source {
			return []health.Source{{Process: "cell", URL: child.URL}, {Process: "gone", URL: "http://127.0.0.1:1/"}}
		},
		Own: func(context.Context, *health.Metrics) {},
	}
	s, err := health.Start(t.Context(), "127.0.0.1:0", tree, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if code, body := get(t, s, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, `"cell":"it is starting"`) {
		t.Errorf("%d %s", code, body)
	}
	problem = nil
	if code, body := get(t, s, "/readyz"); code != http.StatusOK || !strings.Contains(body, `"ready":true`) {
		t.Errorf("%d %s", code, body)
	}
	if code, _ := get(t, s, "/healthz"); code != http.StatusOK {
		t.Errorf("healthz %d", code)
	}
	_, body := get(t, s, "/metrics")
	for _, want := range []string{`x_total{process="cell"} 1`, `millwright_scrape_up{process="gone"} 0`} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s: %s", want, body)
		}
	}
}

func get(t *testing.T, s *health.Server, path string) (int, string) {
	t.Helper()
	res, err := http.Get("http://" + s.Address() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
