package postgres_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/certificate"
	"github.com/millwright-io/millwright/controlplane/internal/device"
)

func TestOwnersAreWarnedOfWhatEndsOnceAtEachTime(t *testing.T) {
	t.Parallel()
	dsn, owner := newDatabase(t)
	store := openStore(t, dsn)
	begun := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, statement := range []string{
		"insert into placements (tenant_id, cell) values ('" + string(worksID) + "', 'local')",
		"insert into members (tenant_id, person_id, email, role, created_at) values ('" + string(worksID) + "', 'ada', 'ada@example.com', 'owner', now()), ('" + string(worksID) + "', 'eve', 'eve@example.com', 'viewer', now())",
	} {
		if _, err := owner.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	day := 24 * time.Hour
	add := func(name string, certificates ...device.Certificate) {
		t.Helper()
		d := device.Device{ID: name, Type: "press", Status: device.StatusActive, Version: 1, CreatedAt: begun, Certificates: certificates}
		if err := store.InsertDevice(t.Context(), worksID, d, audit.Of(t.Context(), ada, begun, "device/"+name, d)); err != nil {
			t.Fatal(err)
		}
	}
	long := device.Certificate{Serial: "01", NotBefore: begun, NotAfter: begun.Add(100 * day)}
	add("long", long)
	add("short", device.Certificate{Serial: "02", NotBefore: begun.Add(70 * day), NotAfter: begun.Add(100 * day)})
	add("renewed", device.Certificate{Serial: "03", NotBefore: begun, NotAfter: begun.Add(100 * day)},
		device.Certificate{Serial: "04", NotBefore: begun.Add(80 * day), NotAfter: begun.Add(400 * day)})
	now := begun
	warden := certificate.NewWarden(store, "https://console.example", slog.New(slog.DiscardHandler), func() time.Time { return now })
	for _, step := range []struct {
		after time.Duration
		want  []string
	}{
		{80 * day, nil},
		{86*day + time.Hour, []string{"Works: 1 certificate ends within 14 days"}},
		{88 * day, nil}, // the short one has 12 days, which is more than three tenths of its life
		{92 * day, []string{"Works: 1 certificate ends within 14 days"}}, // it has 8
		{93*day + time.Hour, []string{"Works: 2 certificates end within 7 days"}},
		{99*day + time.Hour, []string{"Works: 2 certificates end within a day"}},
		{99*day + 2*time.Hour, nil},
	} {
		now = begun.Add(step.after)
		if _, err := owner.Exec(t.Context(), "delete from letters"); err != nil {
			t.Fatal(err)
		}
		if err := warden.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		rows, err := owner.Query(t.Context(), "select recipient || ' ' || subject from letters order by subject")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimPrefix(text, "ada@example.com "))
		}
		if strings.Join(got, "|") != strings.Join(step.want, "|") {
			t.Errorf("after %s: %q, want %q", step.after, got, step.want)
		}
	}
	entries, err := store.AuditEntries(t.Context(), worksID, audit.Filter{Action: "warn of expiry"}, 0, 10)
	if err != nil || len(entries) != 4 {
		t.Errorf("%d audit entries, %v", len(entries), err)
	}
}
