package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/job"
	"github.com/millwright-io/millwright/controlplane/internal/postgres"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/migrations/pgtest"
	"github.com/millwright-io/millwright/tenancy"
)

const (
	worksID = tenancy.ID("aaaaaaaaaaaaaaaa")
	// childVariable makes the test binary a control plane that is killed.
	childVariable = "MILLWRIGHT_TEST_JOB_DSN"
	jobSize       = 400
)

// notes is a worker whose effect on the store is one audit entry an item.
type notes struct {
	store *postgres.Store
	// before, if set, is called before an item's effect.
	before func(i job.Item) error
	// after is called after it and within its transaction.
	after func(i job.Item) error
}

func (n *notes) Do(ctx context.Context, j job.Job, i job.Item) ([]byte, error) {
	if n.before != nil {
		if err := n.before(i); err != nil {
			return nil, err
		}
	}
	if err := n.store.AppendAudit(ctx, audit.Of(ctx, j.Principal, time.Now(), "item/"+i.Name, nil)); err != nil {
		return nil, err
	}
	if n.after != nil {
		return []byte("result " + i.Name), n.after(i)
	}
	return []byte("result " + i.Name), nil
}

type plain struct{}

func (plain) Seal(_ context.Context, name string, secret []byte) ([]byte, error) {
	return append([]byte(name+"\x00"), secret...), nil
}

func (plain) Open(_ context.Context, name string, sealed []byte) ([]byte, error) {
	rest, ok := strings.CutPrefix(string(sealed), name+"\x00")
	if !ok {
		return nil, fmt.Errorf("sealed for another name than %s", name)
	}
	return []byte(rest), nil
}

func openStore(t *testing.T, dsn string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), dsn, map[string]tenant.Limits{tenant.PlanTeam: tenant.TeamLimits()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	return store
}

func newDatabase(t *testing.T) (dsn string, owner *pgx.Conn) {
	t.Helper()
	dsn = pgtest.New(t)
	owner, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(context.WithoutCancel(t.Context())) })
	const insert = `
insert into tenants (id, name, slug, status, plan, cell, created_at) values ($1, 'Works', 'works', 'active', 'team', 'local', now())`
	if _, err := owner.Exec(t.Context(), insert, worksID); err != nil {
		t.Fatal(err)
	}
	return dsn, owner
}

var ada = tenancy.Principal{Tenant: worksID, Role: tenancy.RoleOwner, Actor: "ada@example.com", Subject: "ada"}

func begin(t *testing.T, store *postgres.Store, count int) (*job.Service, job.Job) {
	t.Helper()
	jobs := job.NewService(store, plain{}, time.Now)
	var items []job.Item
	for i := range count {
		items = append(items, job.Item{Number: i + 1, Name: fmt.Sprint(i + 1)})
	}
	j, err := jobs.Start(t.Context(), ada, "notes", "Notes", nil, items)
	if err != nil {
		t.Fatal(err)
	}
	return jobs, j
}

// work runs a runner until the test ends or stop is called.
func work(t *testing.T, store *postgres.Store, w job.Worker) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = job.NewRunner(store, map[job.Kind]job.Worker{"notes": w}, plain{}, slog.New(slog.DiscardHandler), time.Now).Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func await(t *testing.T, jobs *job.Service, id string, ok func(j job.Job) bool) job.Job {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		j, err := jobs.Get(t.Context(), ada, id)
		if err != nil {
			t.Fatal(err)
		}
		if ok(j) {
			return j
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("in 30 s not: job is %+v", j)
		}
	}
}

func ended(j job.Job) bool { return j.State != job.StateRunning }

// TestMain becomes the control plane that is killed when it is told to.
func TestMain(m *testing.M) {
	dsn := os.Getenv(childVariable)
	if dsn == "" {
		os.Exit(m.Run())
	}
	store, err := postgres.Open(context.Background(), dsn, map[string]tenant.Limits{tenant.PlanTeam: tenant.TeamLimits()})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	w := &notes{store: store, after: func(i job.Item) error { fmt.Println("item", i.Number); return nil }}
	_ = job.NewRunner(store, map[job.Kind]job.Worker{"notes": w}, plain{}, slog.New(slog.DiscardHandler), time.Now).Run(context.Background())
}

// TestAKilledJobGoesOnAndDoesNothingTwice kills the process that does the job, three times, with SIGKILL and in the
// middle of a batch.
func TestAKilledJobGoesOnAndDoesNothingTwice(t *testing.T) {
	t.Parallel()
	dsn, owner := newDatabase(t)
	store := openStore(t, dsn)
	jobs, j := begin(t, store, jobSize)
	for round := range 3 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childVariable+"="+dsn)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 37 && lines.Scan(); n++ {
			if !strings.HasPrefix(lines.Text(), "item ") {
				t.Fatalf("child in round %d: %s", round, lines.Text())
			}
		}
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	if got := await(t, jobs, j.ID, func(job.Job) bool { return true }); got.State != job.StateRunning {
		t.Fatalf("the job ended before anybody was killed: %+v", got)
	}
	work(t, store, &notes{store: store})
	got := await(t, jobs, j.ID, ended)
	if got.State != job.StateDone || got.Done != jobSize || got.Failed != 0 {
		t.Errorf("got %+v", got)
	}
	var entries, items int
	const count = "select count(*), count(distinct object) from audit_entries where object like 'item/%'"
	if err := owner.QueryRow(t.Context(), count).Scan(&entries, &items); err != nil || entries != jobSize || items != jobSize {
		t.Errorf("%d effects on %d items (%v), want %d", entries, items, err, jobSize)
	}
}

func TestAJobTellsWhatFailedAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	dsn, owner := newDatabase(t)
	store := openStore(t, dsn)
	jobs, j := begin(t, store, 250)
	away := 3
	work(t, store, &notes{store: store, after: func(i job.Item) error {
		switch {
		case i.Number == 70:
			return fmt.Errorf("row 70 is bad: %w", tenancy.ErrInvalid)
		case i.Number == 71:
			panic("nobody foresaw it")
		case i.Number == 72:
			return fmt.Errorf("a secret of the inside")
		case i.Number == 150 && away > 0:
			away--
			return fmt.Errorf("the other part is away: %w", tenancy.ErrUnavailable)
		}
		return nil
	}})
	trouble := await(t, jobs, j.ID, func(j job.Job) bool { return j.Trouble != "" })
	if trouble.Done != 146 || !strings.Contains(trouble.Trouble, "the other part is away") {
		t.Errorf("in trouble: %+v", trouble)
	}
	got := await(t, jobs, j.ID, ended)
	if got.State != job.StateDone || got.Done != 247 || got.Failed != 3 || got.Trouble != "" {
		t.Errorf("got %+v", got)
	}
	failed, err := jobs.Errors(t.Context(), ada, j.ID, 0, 100)
	if err != nil || len(failed) != 3 || failed[0].Error != "row 70 is bad" || strings.Contains(failed[2].Error, "secret") {
		t.Errorf("errors %+v, %v", failed, err)
	}
	var effects int
	if err := owner.QueryRow(t.Context(), "select count(*) from audit_entries where object like 'item/%'").Scan(&effects); err != nil || effects != 247 {
		t.Errorf("%d effects, want 247 (%v)", effects, err)
	}

	taken := 0
	whole := func() error { return nil }
	broken := fmt.Errorf("the line broke")
	if err := jobs.Take(t.Context(), ada, j.ID, func(string, []byte) error { return broken }, whole); err == nil {
		t.Error("a broken download was taken for whole")
	}
	eve := ada
	eve.Actor = "eve@example.com"
	if err := jobs.Take(t.Context(), eve, j.ID, func(string, []byte) error { taken++; return nil }, whole); err == nil || taken > 0 {
		t.Error("another person took the results")
	}
	err = jobs.Take(t.Context(), ada, j.ID, func(name string, result []byte) error {
		if string(result) != "result "+name {
			t.Errorf("result of %s: %q", name, result)
		}
		taken++
		return nil
	}, whole)
	if err != nil || taken != 247 {
		t.Errorf("took %d results, %v", taken, err)
	}
	if err := jobs.Take(t.Context(), ada, j.ID, func(string, []byte) error { return nil }, whole); err == nil {
		t.Error("the results were taken twice")
	}
	eve.Facilities = []string{"north"}
	if _, err := jobs.Get(t.Context(), eve, j.ID); err == nil {
		t.Error("a person of another facility sees the job")
	}
}

func TestACanceledJobStops(t *testing.T) {
	t.Parallel()
	dsn, _ := newDatabase(t)
	store := openStore(t, dsn)
	jobs, j := begin(t, store, 250)
	work(t, store, &notes{store: store, before: func(i job.Item) error {
		if i.Number > 100 {
			return fmt.Errorf("the other part is away: %w", tenancy.ErrUnavailable)
		}
		return nil
	}})
	await(t, jobs, j.ID, func(j job.Job) bool { return j.Done == 100 })
	if _, err := jobs.Cancel(t.Context(), ada, j.ID); err != nil {
		t.Fatal(err)
	}
	got := await(t, jobs, j.ID, ended)
	if got.State != job.StateCanceled || got.Done != 100 {
		t.Errorf("got %+v", got)
	}
	if _, err := jobs.Cancel(t.Context(), ada, j.ID); err == nil {
		t.Error("a canceled job was canceled")
	}
}
