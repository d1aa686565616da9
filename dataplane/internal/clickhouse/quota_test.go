package clickhouse

import (
	"errors"
	"testing"
	"time"

	"github.com/millwright-io/millwright/tenancy"
)

func TestStatementsBeyondTheQuotaAreRefusedAndTheCellsOwnAreNot(t *testing.T) {
	t.Parallel()
	s, tenant := setup(t)
	if err := s.Allow(t.Context(), tenant, time.Microsecond); err != nil {
		t.Fatal(err)
	}
	ask := func(quiet bool) error {
		ctx := t.Context()
		if quiet {
			ctx = Quiet(ctx)
		}
		return s.Query(ctx, tenant, "select count() from events", nil, func(Rows) error { return nil })
	}
	if err := ask(false); err != nil {
		t.Fatal(err)
	}
	var refusal *tenancy.LimitError
	if err := ask(false); !errors.As(err, &refusal) {
		t.Fatalf("over the quota: %v", err)
	}
	if refusal.Limit != tenancy.LimitQueryTime || refusal.Scope != tenancy.ScopeTenant || refusal.RetryAfter < time.Second {
		t.Errorf("%+v", refusal)
	}
	if err := ask(true); err != nil {
		t.Errorf("the cell's own work: %v", err)
	}
	if err := s.Allow(t.Context(), tenant, 0); err != nil {
		t.Fatal(err)
	}
	if err := ask(false); err != nil {
		t.Errorf("without a quota: %v", err)
	}
}

func TestTheServersWordsBecomeALimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 12, 0, 3, 0, time.UTC)
	err := overQuota("Quota for user `tenant_x` for 5s has been exceeded: execution_time = 1.25/1. Interval will end at 2026-11-27 12:00:05. Name of quota template: `tenant_x`", now)
	want := tenancy.LimitError{Limit: tenancy.LimitQueryTime, Scope: tenancy.ScopeTenant, Current: 250, Maximum: 200, RetryAfter: 2 * time.Second}
	var got *tenancy.LimitError
	if !errors.As(err, &got) || *got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if !errors.As(overQuota("other words", now), &got) || got.RetryAfter != quotaInterval {
		t.Errorf("%+v", got)
	}
}
