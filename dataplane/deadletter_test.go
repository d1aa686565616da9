package dataplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/millwright-io/millwright/dataplane/internal/clickhouse"
	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	"github.com/millwright-io/millwright/proto/subject"
)

// allow lets the tenant send and old events come.
func (b *bundle) allow(t *testing.T) {
	t.Helper()
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(&catalogv1.Tenant{TenantId: string(b.tenant), Limits: &catalogv1.Limits{
		RequestsPerSecond: 1000, EventsPerSecond: 10_000, EventsBurst: 10_000, HorizonSeconds: 86400, PayloadBytes: 65536,
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), subject.TenantKey(string(b.tenant)), data); err != nil {
		t.Fatal(err)
	}
}

func (b *bundle) post(t *testing.T, app *App, path string, body, into any) int {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+app.Addrs().API+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatalf("%s: %s: %v", path, answer, err)
		}
	}
	if res.StatusCode != http.StatusOK {
		t.Logf("%s: %s", path, answer)
	}
	return res.StatusCode
}

// refuse puts messages into the dead letters, as the gateway does.
func (b *bundle) refuse(t *testing.T, reason string, payloads ...string) {
	t.Helper()
	letters := jetstream.NewDeadLetters(b.js, b.cfg.Cell, "test"+reason, b.log)
	go func() { _ = letters.Run(t.Context()) }()
	for _, payload := range payloads {
		if err := letters.Append(t.Context(), telemetry.DeadLetter{
			Tenant: b.tenant, Device: "press", Received: time.Now().UnixNano(), Reason: telemetry.Reason(reason), Detail: "as the gateway said",
			Payload: []byte(payload), Protocol: "mqtt",
		}, ignored{}, 1); err != nil {
			t.Fatal(err)
		}
	}
}

type letterRow struct{ ID, Reason, Detail, State, Stage, FirstReason, Note, ChangedBy string }

func (b *bundle) list(t *testing.T, app *App, query string) []letterRow {
	t.Helper()
	var page struct{ DeadLetters []letterRow }
	b.get(t, app, "/api/v1/dead-letters?"+query, &page)
	return page.DeadLetters
}

type done struct {
	Replayed, AlreadyReplayed, Refused, Events int
	Refusals                                   []struct{ ID, Reason, Detail string }
	NextPageToken                              string
}

func (b *bundle) stored(t *testing.T, app *App, where string) (n uint64) {
	t.Helper()
	if err := app.store.Query(t.Context(), b.tenant, "select count() from "+where, nil, func(r clickhouse.Rows) error { return r.Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

type object = map[string]any

func TestADeadLetterIsFixedReplayedAndStoredOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t)
	app, _ := b.start(t)
	b.refuse(t, "wrong_type", `{"measurements":{"temp":"21.5"}}`, `{"measurements":{"temp":"hot"}}`)
	eventually(t, "two letters", func() bool { return len(b.list(t, app, "")) == 2 })

	var groups struct {
		Groups []struct {
			Reason, Stage, DeviceID string
			Count                   string
			Sparkline               []string
		}
		Kept struct{ Letters string }
	}
	if b.get(t, app, "/api/v1/dead-letter-groups", &groups); len(groups.Groups) != 1 || groups.Groups[0].Count != "2" || groups.Kept.Letters != "2" || len(groups.Groups[0].Sparkline) != 24 {
		t.Errorf("groups: %+v", groups)
	}
	first := b.list(t, app, "filter.device_ids=press&filter.state=STATE_OPEN&filter.reason=wrong_type")[1]
	var one struct {
		DeadLetter struct{ Payload []byte }
		Outcome    struct {
			Reason                   string
			ErrorOffset, ErrorLength int
		}
	}
	b.get(t, app, "/api/v1/dead-letters/"+first.ID, &one)
	if string(one.DeadLetter.Payload) != `{"measurements":{"temp":"21.5"}}` || one.Outcome.Reason != "wrong_type" || one.Outcome.ErrorLength == 0 {
		t.Errorf("inspected: %s %+v", one.DeadLetter.Payload, one.Outcome)
	}

	edit := object{"scales": []object{{"field": "measurements.temp", "factor": 10}}, "renames": []object{{"from": "measurements.temp", "to": "measurements.temperature"}}}
	all := object{"filter": object{"device_ids": []string{"press"}}}
	var preview struct {
		Selected string
		Outcomes []struct {
			Reason string
			Events []struct{ Values map[string]float64 }
		}
	}
	b.post(t, app, "/api/v1/dead-letters:preview", object{"selection": all, "edit": edit}, &preview)
	if len(preview.Outcomes) != 2 || preview.Selected != "2" || len(preview.Outcomes[0].Events) != 1 || preview.Outcomes[0].Events[0].Values["temperature"] != 215 || preview.Outcomes[1].Reason != "edit_failed" {
		t.Errorf("preview: %+v", preview)
	}
	var d done
	b.post(t, app, "/api/v1/dead-letters:replay", object{"selection": all, "edit": edit}, &d)
	if d.Replayed != 1 || d.Refused != 1 || d.Events != 1 {
		t.Errorf("replay: %+v", d)
	}
	value := "events where names = ['temperature'] and values = [215] and message_id = 'letter:" + first.ID + ":0:0' and attributes like '%\"letter\":\"" + first.ID + "\"%'"
	eventually(t, "the event is stored", func() bool { return b.stored(t, app, value) == 1 })

	// Again by id, and again with its state taken away, as if the cell had died before it was written.
	again := object{"ids": []string{first.ID}}
	d = done{}
	b.post(t, app, "/api/v1/dead-letters:replay", object{"selection": again, "edit": edit}, &d)
	if d.Replayed != 0 || d.AlreadyReplayed != 1 {
		t.Errorf("a second replay: %+v", d)
	}
	if err := app.store.InsertLetterStates(t.Context(), b.tenant, []clickhouse.LetterState{{
		Source: "gateway", Sequence: 1, Version: uint64(time.Now().UnixMicro()), State: "sending", At: time.Now().UnixNano(),
	}}); err != nil {
		t.Fatal(err)
	}
	d = done{}
	b.post(t, app, "/api/v1/dead-letters:replay", object{"selection": again, "edit": edit}, &d)
	if d.Replayed+d.AlreadyReplayed != 1 {
		t.Errorf("a replay after a crash: %+v", d)
	}
	b.publish(t, 1, 1) // what comes behind it in the log
	eventually(t, "what came behind it is stored", func() bool { return b.stored(t, app, "events") >= 2 })
	if n := b.stored(t, app, "events where startsWith(message_id, 'letter:')"); n != 1 {
		t.Errorf("the letter is stored %d times", n)
	}

	if got := b.list(t, app, "filter.state=STATE_REPLAYED"); len(got) != 1 || got[0].ID != first.ID || !strings.HasPrefix(got[0].ChangedBy, "key:") || !strings.Contains(got[0].Note, "renamed") {
		t.Errorf("replayed: %+v", got)
	}
	var gone struct{ Discarded int }
	b.post(t, app, "/api/v1/dead-letters:discard", object{"selection": all, "reason": "a test message"}, &gone)
	if gone.Discarded != 1 || len(b.list(t, app, "filter.state=STATE_OPEN")) != 0 {
		t.Errorf("discarded %+v, open %+v", gone, b.list(t, app, "filter.state=STATE_OPEN"))
	}
	if code := b.post(t, app, "/api/v1/dead-letters:discard", object{"selection": object{"ids": []string{"gateway-0-9999-0"}}, "reason": "x"}, nil); code != http.StatusNotFound {
		t.Errorf("discard of a stranger: status %d", code)
	}
}

func TestAReplayThatTheEngineRefusesStaysOpenAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t)
	b.cfg.MeasurementsPerDevice = 3
	app, stop := b.start(t)
	b.publish(t, 1, 1) // temperature and vibration.x
	b.refuse(t, "wrong_type", `{"sequence":7,"epoch":"boot","measurements":{"a":1,"b":2}}`)
	eventually(t, "a letter", func() bool { return len(b.list(t, app, "")) == 1 })
	id := b.list(t, app, "")[0].ID
	one := object{"selection": object{"ids": []string{id}}}
	var d done
	b.post(t, app, "/api/v1/dead-letters:replay", one, &d)
	if d.Replayed != 1 {
		t.Fatalf("replay: %+v", d)
	}
	eventually(t, "the letter is open again with the engine's reason", func() bool {
		got := b.list(t, app, "")
		return len(got) == 1 && got[0].ID == id && got[0].State == "STATE_OPEN" && got[0].Reason == "measurement_limit" && got[0].FirstReason == "wrong_type"
	})
	eventually(t, "the refusal is counted", func() bool { return b.usage(t)["dead_letters"] == 2 })
	if counts := b.recounted(t, app); counts != 2 {
		t.Errorf("recounted %d dead letters, want 2", counts)
	}
	stop()
	b.cfg.MeasurementsPerDevice = 10
	app, _ = b.start(t)
	// The engine takes up the new limit with its next checkpoint: until then it refuses again, and is asked again.
	eventually(t, "the event is stored", func() bool {
		b.post(t, app, "/api/v1/dead-letters:replay", one, &d)
		return b.stored(t, app, "events where names = ['a', 'b'] and startsWith(message_id, 'letter:"+id+":')") > 0
	})
	b.publish(t, 2, 2)
	eventually(t, "what came behind it is stored", func() bool { return b.stored(t, app, "events where sequence = 2") == 1 })
	if n := b.stored(t, app, "events where names = ['a', 'b']"); n != 1 {
		t.Errorf("the letter is stored %d times", n)
	}
	if got := b.list(t, app, ""); len(got) != 1 || got[0].State != "STATE_REPLAYED" {
		t.Errorf("letters: %+v", got)
	}
}

// recounted is how many dead letters a recount of the last hours finds.
func (b *bundle) recounted(t *testing.T, app *App) int {
	t.Helper()
	var r struct {
		Hours []struct{ EngineDeadLetters, GatewayDeadLetters json.Number }
	}
	now := time.Now().UTC()
	b.get(t, app, fmt.Sprintf("/api/v1/recount?start=%s&end=%s", now.Add(-2*time.Hour).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339)), &r)
	sum := 0
	for _, h := range r.Hours {
		for _, n := range []json.Number{h.EngineDeadLetters, h.GatewayDeadLetters} {
			v, _ := n.Int64() // an absent one is 0
			sum += int(v)
		}
	}
	return sum
}

func TestDeadLettersOfTheEngineAreReplayed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t)
	b.cfg.MeasurementsPerDevice = 2
	app, stop := b.start(t)
	b.publish(t, 1, 1)
	var build frame.Builder
	now := time.Now().UnixNano()
	build.Append(&telemetry.Event{Tenant: b.tenant, Device: "press", Time: now, Received: now, HasSequence: true, Epoch: "boot", Sequence: 2, Names: []string{"c"}, Values: []float64{3}, Size: 9})
	if _, err := b.js.Publish(t.Context(), subject.Ingest(b.cfg.Cell, frame.Partition(b.tenant, "press", b.cfg.Partitions)), build.Finish(now)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the engine's letter", func() bool {
		got := b.list(t, app, "filter.stage=STAGE_ENGINE")
		return len(got) == 1 && got[0].Reason == "measurement_limit"
	})
	stop()
	b.cfg.MeasurementsPerDevice = 20
	app, _ = b.start(t)
	// The engine takes up the new limit with its next checkpoint: until then it refuses again, and is asked again.
	eventually(t, "the event is stored", func() bool {
		b.post(t, app, "/api/v1/dead-letters:replay", object{"selection": object{"filter": object{"stage": "STAGE_ENGINE"}}}, nil)
		return b.stored(t, app, "events where names = ['c'] and values = [3]") == 1
	})
	if got := b.list(t, app, "filter.stage=STAGE_ENGINE"); len(got) != 1 || got[0].State != "STATE_REPLAYED" {
		t.Errorf("letters: %+v", got)
	}
}

func TestWorkOnManyDeadLettersIsBoundedAndResumed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t)
	app, _ := b.start(t)
	var payloads []string
	for i := range 25 {
		payloads = append(payloads, fmt.Sprintf(`{"ts":%d,"measurements":{"v":%d}}`, time.Now().Unix(), i))
	}
	b.refuse(t, "invalid_timestamp", payloads...)
	eventually(t, "25 letters", func() bool { return len(b.list(t, app, "")) == 25 })
	request := object{"selection": object{"filter": object{}}, "limit": 10, "edit": object{"timestamp": object{"field": "ts", "format": "TIMESTAMP_FORMAT_UNIX_SECONDS"}}}
	sum, calls := 0, 0
	for token := "start"; token != ""; calls++ {
		var d done
		b.post(t, app, "/api/v1/dead-letters:replay", request, &d)
		sum, token = sum+d.Replayed, d.NextPageToken
		request["page_token"] = token
	}
	if sum != 25 || calls != 3 {
		t.Errorf("%d replayed in %d calls", sum, calls)
	}
	eventually(t, "25 events", func() bool { return b.stored(t, app, "events") == 25 })

	// Pages of a list go on where the one before ended.
	seen := map[string]bool{}
	for token := "start"; token != ""; {
		var page struct {
			DeadLetters   []letterRow
			NextPageToken string
		}
		query := "page_size=7"
		if token != "start" {
			query += "&page_token=" + token
		}
		b.get(t, app, "/api/v1/dead-letters?"+query, &page)
		for _, l := range page.DeadLetters {
			seen[l.ID] = true
		}
		token = page.NextPageToken
	}
	if len(seen) != 25 {
		t.Errorf("the pages have %d letters", len(seen))
	}

	// Beyond the limit, closed letters go first, and whoever counts again counts the same.
	b.refuse(t, "invalid_json", "{", "{")
	eventually(t, "27 letters", func() bool { return len(b.list(t, app, "")) == 27 })
	eventually(t, "27 letters in the usage", func() bool { return b.usage(t)["dead_letters"] == 27 })
	gone, err := app.store.PruneDeadLetters(t.Context(), b.tenant, clickhouse.KeepLetters{Letters: 10, Bytes: 1 << 20, Since: time.Now().Add(-time.Hour)})
	if err != nil || gone != 18 {
		t.Errorf("%d letters went, error %v", gone, err)
	}
	if open := b.list(t, app, "filter.state=STATE_OPEN"); len(open) != 2 {
		t.Errorf("open letters after: %+v", open)
	}
	if n := b.recounted(t, app); n != 27 {
		t.Errorf("recounted %d, want 27", n)
	}
	counts, err := app.store.CountDeadLetters(t.Context(), b.tenant, clickhouse.SourceGateway, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	sum = 0
	for _, c := range counts {
		sum += int(c.Count)
	}
	if sum != 27 {
		t.Errorf("counted %d, want 27", sum)
	}
}
