package dataplane

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/millwright-io/millwright/dataplane/internal/frame"
	"github.com/millwright-io/millwright/dataplane/internal/jetstream"
	"github.com/millwright-io/millwright/dataplane/internal/telemetry"
	catalogv1 "github.com/millwright-io/millwright/proto/gen/millwright/catalog/v1"
	deadletterv1 "github.com/millwright-io/millwright/proto/gen/millwright/deadletter/v1"
	telemetryv1 "github.com/millwright-io/millwright/proto/gen/millwright/telemetry/v1"
	"github.com/millwright-io/millwright/proto/subject"
	"github.com/millwright-io/millwright/tenancy"
)

// place is a device at a facility, whose measurement has the facility's name in it, and a dead letter of it.
type place struct {
	tenant   tenancy.ID
	facility string
	device   string
	// at is the event's time, letter the dead letter's id.
	at     time.Time
	letter string
}

func (p place) measurement() string { return p.facility + "_secret" }

// A cellRPC is what a request about a place is, and what the answer to one's own has in it.
type cellRPC struct {
	about func(p place) object
	// changes: what is named is not there when the caller may change it, so that nothing changes.
	changes bool
	// finds is in the answer about one's own place; "": nothing is.
	finds func(p place) string
	// whole: refused to who is confined to facilities. other: what an answer about somebody else's place is when it is no error.
	whole bool
	other string
	// stream: it goes on until the caller ends it.
	stream bool
	// places: the facilities of what the caller may see are named in the answer.
	places bool
}

func byDevice(p place) object { return object{"deviceId": p.device} }
func nothing(place) object    { return object{} }
func (p place) ofLetter() object {
	return object{"selection": object{"ids": []string{p.letter}}, "reason": "for a test"}
}

// cellRPCs has every RPC of the cell. One that is not here fails the test: say what it is about.
var cellRPCs = map[string]cellRPC{
	"TelemetryService/Query": {about: byDevice, finds: place.measurement},
	"TelemetryService/Latest": {
		about: func(p place) object { return object{"deviceIds": []string{p.device}} }, finds: place.measurement, other: "{}",
	},
	"TelemetryService/Watch":          {about: func(p place) object { return object{"deviceIds": []string{p.device}} }, stream: true},
	"TelemetryService/GetStoreAccess": {about: nothing, whole: true},
	"TelemetryService/VerifyEvents": {
		about: func(p place) object {
			return object{"events": []object{{"deviceId": p.device, "messageId": "boot/1", "eventTime": p.at.UTC().Format(time.RFC3339Nano)}}}
		},
		finds: func(place) string { return `"stored"` }, other: `"missing"`,
	},
	"TelemetryService/Recount": {
		about: func(place) object {
			now := time.Now().UTC()
			return object{"start": now.Add(-time.Hour).Format(time.RFC3339), "end": now.Format(time.RFC3339)}
		},
		whole: true,
	},
	"TelemetryService/CountUsage": {
		about: func(place) object {
			now := time.Now().UTC()
			return object{"start": now.Add(-time.Hour).Format(time.RFC3339), "end": now.Format(time.RFC3339)}
		},
		finds: func(place) string { return `"events"` }, other: `"events"`,
	},
	"TelemetryService/AttributeUsage": {
		about: func(place) object {
			now := time.Now().UTC()
			return object{"start": now.Add(-time.Hour).Format(time.RFC3339), "end": now.Format(time.RFC3339), "by": "USAGE_GROUPING_FACILITY"}
		},
		finds: func(p place) string { return `"` + p.facility + `"` }, places: true,
	},
	"TelemetryService/UsageByDevice": {
		about: func(place) object {
			now := time.Now().UTC()
			return object{"start": now.Add(-time.Hour).Format(time.RFC3339), "end": now.Format(time.RFC3339)}
		},
		finds: func(p place) string { return p.device },
	},
	"TelemetryService/Rerun": {
		about: func(place) object {
			now := time.Now().UTC()
			return object{"start": now.Add(-time.Hour).Format(time.RFC3339), "end": now.Format(time.RFC3339)}
		},
		whole: true,
	},
	"TelemetryService/Rollup": {
		about: func(p place) object { return object{"facility": p.facility, "by": "PLACE_LEVEL_FACILITY"} }, other: "{}",
	},
	"DeadLetterService/ListGroups": {about: nothing, finds: func(p place) string { return p.device }},
	"DeadLetterService/List":       {about: nothing, finds: func(p place) string { return p.device }},
	"DeadLetterService/Get":        {about: func(p place) object { return object{"id": p.letter} }, finds: place.measurement},
	"DeadLetterService/Preview":    {about: place.ofLetter, finds: place.measurement},
	"DeadLetterService/Replay":     {about: place.ofLetter, changes: true},
	"DeadLetterService/Discard":    {about: place.ofLetter, changes: true},
}

func cellMethods() (list []protoreflect.MethodDescriptor) {
	for _, f := range []protoreflect.FileDescriptor{
		telemetryv1.File_millwright_telemetry_v1_telemetry_proto, deadletterv1.File_millwright_deadletter_v1_deadletter_proto,
	} {
		for i := range f.Services().Len() {
			for j := range f.Services().Get(i).Methods().Len() {
				list = append(list, f.Services().Get(i).Methods().Get(j))
			}
		}
	}
	return list
}

// caller is a key and what the tables say of it.
type caller struct {
	name     string
	key      string
	actions  []tenancy.Action
	confined bool
	nobody   bool
}

// TestThePermissionMatrixOfTheCell calls every RPC of the cell as every kind of caller, confined to a facility and not, about a
// device of that facility, of another one and of another tenant, and holds every answer against the tables of roles and actions.
func TestThePermissionMatrixOfTheCell(t *testing.T) {
	t.Parallel()
	b := setup(t)
	app, _ := b.start(t)
	other := tenancy.NewID()
	b.place(t, subject.TenantKey(string(b.tenant)), &catalogv1.Tenant{TenantId: string(b.tenant), Limits: &catalogv1.Limits{RequestsPerSecond: 100_000}})
	b.place(t, subject.TenantKey(string(other)), &catalogv1.Tenant{TenantId: string(other), Limits: &catalogv1.Limits{RequestsPerSecond: 100_000}})
	places := []place{
		{tenant: b.tenant, facility: "north", device: "north_press"},
		{tenant: b.tenant, facility: "south", device: "south_press"},
		{tenant: other, facility: "far", device: "far_press"},
	}
	letters := jetstream.NewDeadLetters(b.js, b.cfg.Cell, "matrix", b.log)
	go func() { _ = letters.Run(t.Context()) }()
	for i := range places {
		b.furnish(t, app, letters, &places[i])
	}
	callers := b.callers(t)
	var cases atomic.Int64
	var all sync.WaitGroup
	room := make(chan struct{}, 8) // fewer at once than the limit of queries
	for _, c := range callers {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			for _, m := range cellMethods() {
				for i := range places {
					askAs(t, app, c, m, places, i)
					cases.Add(1)
				}
			}
		})
	}
	all.Wait()
	want := int64(len(callers) * len(cellMethods()) * 3)
	t.Logf("%d callers × %d RPCs × own, another facility, another tenant: %d cases", len(callers), len(cellMethods()), cases.Load())
	if cases.Load() != want || len(cellRPCs) != len(cellMethods()) {
		t.Errorf("%d cases, want %d; %d RPCs in the table, the services have %d", cases.Load(), want, len(cellRPCs), len(cellMethods()))
	}
}

func (b *bundle) place(t *testing.T, key string, m proto.Message) {
	t.Helper()
	kv, err := b.js.KeyValue(t.Context(), subject.CatalogBucket(b.cfg.Cell))
	if err != nil {
		t.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(t.Context(), key, data); err != nil {
		t.Fatal(err)
	}
}

// furnish makes the device, an event and a dead letter of it, and waits until both are in the store.
func (b *bundle) furnish(t *testing.T, app *App, letters *jetstream.DeadLetters, p *place) {
	t.Helper()
	b.place(t, subject.DeviceKey(string(p.tenant), p.device), &catalogv1.Device{TenantId: string(p.tenant), DeviceId: p.device, Facility: p.facility})
	var build frame.Builder
	now := time.Now()
	p.at = now
	build.Append(&telemetry.Event{
		Tenant: p.tenant, Device: p.device, Time: now.UnixNano(), Received: now.UnixNano(), HasSequence: true, Epoch: "boot", Sequence: 1,
		Names: []string{p.measurement()}, Values: []float64{1}, Size: 100,
	})
	partition := frame.Partition(p.tenant, p.device, b.cfg.Partitions)
	if _, err := b.js.Publish(t.Context(), subject.Ingest(b.cfg.Cell, partition), build.Finish(now.UnixNano())); err != nil {
		t.Fatal(err)
	}
	if err := letters.Append(t.Context(), telemetry.DeadLetter{
		Tenant: p.tenant, Device: p.device, Received: now.UnixNano(), Reason: "wrong_type", Detail: "as the gateway said",
		Payload: []byte(`{"measurements":{"` + p.measurement() + `":1}}`), Protocol: "mqtt",
	}, ignored{}, 1); err != nil {
		t.Fatal(err)
	}
	key := b.grant(t, p.tenant, &catalogv1.Key{Role: string(tenancy.RoleAdmin)})
	eventually(t, "the event and the letter of "+p.device, func() bool {
		var page struct {
			DeadLetters []struct{ ID, DeviceID string }
		}
		_, latest := ask(t, app, key, "millwright.telemetry.v1.TelemetryService/Latest", object{"deviceIds": []string{p.device}}, 0)
		_, text := ask(t, app, key, "millwright.deadletter.v1.DeadLetterService/List", object{}, 0)
		_ = json.Unmarshal([]byte(text), &page)
		for _, l := range page.DeadLetters {
			if l.DeviceID == p.device {
				p.letter = l.ID
			}
		}
		return p.letter != "" && strings.Contains(latest, p.measurement())
	})
}

// grant puts a key into the catalog and returns its secret.
func (b *bundle) grant(t *testing.T, id tenancy.ID, k *catalogv1.Key) string {
	t.Helper()
	name, text := tenancy.NewKey()
	hash := sha256.Sum256([]byte(text))
	k.TenantId, k.KeyId, k.Secrets = string(id), name, []*catalogv1.Secret{{Number: 1, Hash: hash[:]}}
	b.place(t, subject.APIKeyKey(string(id), name), k)
	return text
}

func (b *bundle) callers(t *testing.T) (list []caller) {
	t.Helper()
	roles := make(map[string][]tenancy.Action)
	for _, r := range tenancy.Roles() {
		roles[string(r.Role)] = r.Actions
	}
	for name, actions := range map[string][]tenancy.Action{
		"all": tenancy.Assignable(), "letters": {tenancy.ActionDeadLettersRead}, "few": {tenancy.ActionTelemetryRead, tenancy.ActionDeadLettersWrite}, "none": {},
	} {
		entry := &catalogv1.Role{TenantId: string(b.tenant), CustomRole: name}
		for _, a := range actions {
			entry.Actions = append(entry.Actions, string(a))
		}
		b.place(t, subject.RoleKey(string(b.tenant), name), entry)
		roles[string(tenancy.CustomRole(name))] = actions
	}
	for role, actions := range roles {
		for _, scopes := range [][]tenancy.Action{nil, {tenancy.ActionTelemetryRead}} {
			for _, confined := range []bool{false, true} {
				k := &catalogv1.Key{Role: role}
				may := actions
				if scopes != nil {
					k.Scopes = []string{string(scopes[0])}
					may = slices.DeleteFunc(slices.Clone(actions), func(a tenancy.Action) bool { return a != scopes[0] })
				}
				if confined {
					k.Facilities = []string{"north"}
				}
				list = append(list, caller{fmt.Sprintf("%s, scopes %v, confined %t", role, scopes, confined), b.grant(t, b.tenant, k), may, confined, false})
			}
		}
	}
	_, unknown := tenancy.NewKey()
	return append(list, caller{name: "nobody", nobody: true}, caller{name: "an unknown key", key: unknown, nobody: true})
}

// askAs makes one call and holds the answer against what the tables say.
func askAs(t *testing.T, app *App, c caller, m protoreflect.MethodDescriptor, places []place, about int) {
	t.Helper()
	procedure := string(m.Parent().FullName()) + "/" + string(m.Name())
	rpc, known := cellRPCs[string(m.Parent().Name())+"/"+string(m.Name())]
	if !known {
		t.Errorf("%s: say in cellRPCs what it is about", procedure)
		return
	}
	action, _ := tenancy.ActionOf("/" + procedure)
	may := slices.Contains(c.actions, action) && (!c.confined || !rpc.whole)
	p := places[about]
	if rpc.changes && may && about == 0 {
		p.letter = "gateway-0-999999-0"
	}
	patience := time.Duration(0)
	if rpc.stream {
		patience = 20 * time.Second
		if may && (about == 0 || (about == 1 && !c.confined)) {
			patience = 300 * time.Millisecond // it goes on
		}
	}
	status, answer := ask(t, app, c.key, procedure, rpc.about(p), patience)
	what := fmt.Sprintf("%s calls %s about %s: %d %s", c.name, procedure, p.device, status, answer)
	switch {
	case c.nobody:
		if status != http.StatusUnauthorized {
			t.Error(what)
		}
	case !may:
		if status != http.StatusForbidden {
			t.Errorf("%s; want a refusal, it needs %s", what, action)
		}
	case status == http.StatusForbidden || status == http.StatusUnauthorized || status >= 500:
		t.Errorf("%s; it may", what)
	case about == 0 && !rpc.changes && (status != http.StatusOK || (rpc.finds != nil && !strings.Contains(answer, rpc.finds(places[0])))):
		t.Errorf("%s; one's own is not there", what)
	case about == 1 && !c.confined && rpc.finds != nil && !strings.Contains(answer, rpc.finds(places[1])):
		t.Errorf("%s; who is not confined does not see it", what)
	}
	leaks(t, what, rpc, c, p, places, about, status, answer)
}

// leaks finds another tenant's things, and another facility's for who is confined, in an answer. An error may repeat the name that
// was asked for.
func leaks(t *testing.T, what string, rpc cellRPC, c caller, p place, places []place, about, status int, answer string) {
	t.Helper()
	text := strings.ReplaceAll(answer, p.device, "")
	if about == 0 || (status < 400 && rpc.other == "") {
		text = answer
	}
	hidden := places[2:]
	if c.confined {
		hidden = places[1:]
	}
	for _, h := range hidden {
		if strings.Contains(text, h.measurement()) || strings.Contains(text, h.device) || (rpc.places && strings.Contains(text, `"`+h.facility+`"`)) {
			t.Errorf("%s: %s is in the answer", what, h.device)
		}
	}
	elsewhere := about == 2 || (about == 1 && c.confined)
	asksOne := !strings.Contains(fmt.Sprint(rpc.about(places[0])), fmt.Sprint(rpc.about(places[1])))
	if elsewhere && asksOne && status < 400 && (rpc.other == "" || !strings.Contains(answer, rpc.other)) {
		t.Errorf("%s: it is there", what)
	}
}

// ask makes a Connect call. With patience, the call is of a stream: what comes within that time is the answer, with the status
// that an answer of one piece would have had, and a stream that goes on is a success.
func ask(t *testing.T, app *App, key, procedure string, body object, patience time.Duration) (status int, answer string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	ctx, kind, stream := t.Context(), "application/json", patience > 0
	if stream {
		short, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		ctx, kind = short, "application/connect+json"
		text = append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text))), text...) //nolint:gosec // it is short
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+app.Addrs().API+"/"+procedure, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := http.DefaultClient.Do(req)
	if stream && ctx.Err() != nil {
		return http.StatusOK, ""
	}
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer func() { _ = res.Body.Close() }()
	read, _ := io.ReadAll(res.Body)
	if !stream {
		return res.StatusCode, string(read)
	}
	for code, status := range map[string]int{
		"permission_denied": http.StatusForbidden, "unauthenticated": http.StatusUnauthorized, "not_found": http.StatusNotFound, "internal": http.StatusInternalServerError,
	} {
		if bytes.Contains(read, []byte(`"code":"`+code+`"`)) {
			return status, string(read)
		}
	}
	return res.StatusCode, string(read)
}
