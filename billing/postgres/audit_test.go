package postgres_test

import (
	"strings"
	"testing"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/subscription"
	"github.com/millwright-io/millwright/tenancy"
)

// operatorChanges makes one of each change to a tenant that has an unpaid invoice, and returns the first error.
func (b books) operatorChanges(t *testing.T, id tenancy.ID, code string, by contract.Author) (done int, err error) {
	t.Helper()
	c := agreed(november(1).AddDate(0, 2, 0), func(c *contract.Contract) { c.Discount = money.MustPrice("12.5") })
	invoiced := b.only(t, id)
	for _, change := range []func() error{
		func() error {
			return b.InsertContract(t.Context(), id, c, by, after, func(subscription.Subscription) error { return nil })
		},
		func() error {
			_, err := b.EndContract(t.Context(), id, c.ID, c.From.AddDate(0, 1, 0), by)
			return err
		},
		func() error {
			credit := contract.Credit{ID: string(tenancy.NewID()), Currency: "EUR", Amount: 7_777, GrantedAt: after, ExpiresAt: after.AddDate(1, 0, 0), Reason: "7777 paid"}
			return b.InsertCredit(t.Context(), id, credit, by)
		},
		func() error {
			return b.InsertCoupon(t.Context(), contract.Coupon{Code: code, Percent: money.MustPrice("12.5"), Months: 2}, by, after)
		},
		func() error {
			_, err := b.GiveCoupon(t.Context(), id, code, by, after)
			return err
		},
		func() error {
			_, _, err := b.IssueCreditNote(t.Context(), id, invoiced.Number, invoice.Note{Amount: 7_777, Reason: "7777 back", IssuedAt: after}, by)
			return err
		},
	} {
		failed := change()
		if failed == nil {
			done++
		} else if err == nil {
			err = failed
		}
	}
	return done, err
}

// TestWhatOperatorsChangeIsInBothLogs makes every change. The platform's log has the amounts; the tenant's, which others read than who
// look after its money, has none.
func TestWhatOperatorsChangeIsInBothLogs(t *testing.T) {
	t.Parallel()
	b := openBooks(t)
	id := b.tenant(t, "team", long)
	b.closer(t, after).Round(t.Context())
	if done, err := b.operatorChanges(t, id, "TWELVE", contract.Author{Actor: "ada", Action: "/change", RemoteAddress: "::1", RequestID: "r"}); done != 6 || err != nil {
		t.Fatal(done, err)
	}
	rows := func(query string, args ...any) string {
		var text string
		if err := b.owner.QueryRow(t.Context(), query, args...).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	platform := rows("select string_agg(actor || action || remote_address || request_id || ' ' || object || ' ' || after_json, e'\n' order by number) from platform_audit where actor = 'ada'")
	told := rows("select string_agg(actor || action || remote_address || request_id || ' ' || object || ' ' || after_json, e'\n' order by id) from audit_entries where tenant_id = $1", id)
	for _, want := range []string{"tenant/" + string(id) + "/contract/", "tenant/" + string(id) + "/credit/", " coupon/TWELVE ", "/coupon/TWELVE ", "/credit-note/CN-2026-000001 ", "7777", "12.5", "ada/change::1r"} {
		if !strings.Contains(platform, want) {
			t.Errorf("the platform's log lacks %q:\n%s", want, platform)
		}
	}
	for _, want := range []string{" contract/", " credit/", " coupon {", " credit-note/CN-2026-000001 ", `"end"`, `"first_month"`, "ada/change::1r"} {
		if !strings.Contains(told, want) {
			t.Errorf("the tenant's log lacks %q:\n%s", want, told)
		}
	}
	for _, amount := range []string{"7777", "7_777", "12.5", "TWELVE", "amount", "discount"} {
		if strings.Contains(told, amount) {
			t.Errorf("the tenant's log tells %q:\n%s", amount, told)
		}
	}
	if strings.Count(platform, "\n") != 5 || strings.Count(told, "\n") != 4 {
		t.Errorf("6 changes, 5 of the tenant:\n%s\n\n%s", platform, told)
	}
}

// TestNoChangeWithoutItsEntry lets one of both logs refuse what eve does: none of her changes is made.
func TestNoChangeWithoutItsEntry(t *testing.T) {
	t.Parallel()
	for _, log := range []string{"platform_audit", "audit_entries"} {
		b := openBooks(t)
		id := b.tenant(t, "team", long)
		b.closer(t, after).Round(t.Context())
		b.exec(t, "alter table "+log+" add constraint no_eve check (actor <> 'eve')")
		done, err := b.operatorChanges(t, id, "NEVER", contract.Author{Actor: "eve", Action: "/change"})
		made := 0
		if log == "audit_entries" {
			made = 1 // the coupon itself, which is no tenant's
		}
		if err == nil || done != made {
			t.Errorf("%s: %d changes, %v", log, done, err)
		}
		const left = `select (select count(*) from contracts) + (select count(*) from billing_credits) + (select count(*) from coupons) +
			(select count(*) from coupon_grants) + (select count(*) from credit_notes) + (select count(*) from billing_adjustments)`
		if n := b.count(t, left); n != made {
			t.Errorf("%s: %d changes are kept", log, n)
		}
	}
}
