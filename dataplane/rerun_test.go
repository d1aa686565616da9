package dataplane

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/engine"
)

func TestARerunOfTheEngineMakesWhatIsStored(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	from := time.Now().Add(-time.Minute)
	b.publish(t, 1, 500)
	var r struct {
		Events, Duplicates, Refused, Windows, Different string
		Examples                                        []struct{ Stored, Recounted struct{ Count string } }
		Hours                                           []struct{ Events, Points string }
	}
	path := func() string {
		return "/api/v1/rerun?start=" + url.QueryEscape(from.UTC().Format(time.RFC3339)) + "&end=" + url.QueryEscape(time.Now().Add(time.Minute).UTC().Format(time.RFC3339))
	}
	ask := func() bool {
		r.Events, r.Windows, r.Different, r.Duplicates, r.Refused, r.Examples, r.Hours = "", "", "", "", "", nil, nil
		return b.get(t, app, path(), &r) == http.StatusOK
	}
	eventually(t, "the engine makes again what is stored", func() bool {
		return ask() && r.Events == "500" && r.Windows != "" && (r.Different == "" || r.Different == "0")
	})
	if strings.Trim(r.Duplicates+r.Refused, "0") != "" || len(r.Hours) == 0 {
		t.Errorf("%+v", r)
	}
	before := b.stored(t, app, "minutes")
	// A window that is not what its events make is found.
	var minute time.Time
	if err := app.store.Query(t.Context(), b.tenant, "select min(start) from minutes", nil, func(r clickhouse.Rows) error { return r.Scan(&minute) }); err != nil {
		t.Fatal(err)
	}
	if err := app.store.InsertWindows(t.Context(), b.tenant, []engine.WindowRow{{
		Device: "press", Measurement: "temperature", Start: minute.Unix(), Segment: 1 << 60, Version: 1 << 60,
		Summary: engine.Summary{Count: 7, Sum: 7, Min: 1, Max: 1, Origin: 1, First: 1, Last: 1, FirstTime: 1, LastTime: 1},
	}}, ""); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the wrong window is found", func() bool { return ask() && r.Different == "1" && len(r.Examples) == 1 })
	if after := b.stored(t, app, "minutes"); after != before+1 {
		t.Errorf("%d windows before, %d after", before, after)
	}
	var events uint64
	if err := app.store.Query(t.Context(), b.tenant, "select count() from events", nil, func(r clickhouse.Rows) error { return r.Scan(&events) }); err != nil || events != 500 {
		t.Errorf("%d events, %v", events, err)
	}
	if status := b.get(t, app, "/api/v1/rerun?start=2026-01-01T00:00:00Z&end=2026-02-01T00:00:00Z", nil); status != http.StatusBadRequest {
		t.Errorf("a month: status %d", status)
	}
}
