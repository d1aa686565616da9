package payment_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/payment"
)

var policy = payment.Policy{Grace: 10 * 24 * time.Hour}

// TestDunningIsWhatTheTableSays goes through every standing, before and after each bound.
func TestDunningIsWhatTheTableSays(t *testing.T) {
	t.Parallel()
	start := time.Date(2028, 2, 25, 12, 0, 0, 0, time.UTC) // over a leap day
	ends := time.Date(2028, 3, 6, 12, 0, 0, 0, time.UTC)
	failed := payment.Account{Standing: payment.PastDue, PastDueSince: start, GraceEnds: ends, Noticed: payment.NoticeFailed}
	reminded, suspended := failed, failed
	reminded.Noticed = payment.NoticeReminder
	suspended.Standing, suspended.Noticed = payment.Suspended, payment.NoticeSuspended
	for what, c := range map[string]struct {
		account    payment.Account
		owes       bool
		at         time.Time
		want       payment.Notice
		standing   payment.Standing
		suspension payment.Suspension
	}{
		"nothing owed":              {payment.Account{Standing: payment.Good}, false, start, payment.NoticeNone, "", payment.Leave},
		"a payment fails":           {payment.Account{Standing: payment.Good}, true, start, payment.NoticeFailed, payment.PastDue, payment.Leave},
		"before half of it":         {failed, true, start.Add(5*24*time.Hour - 1), payment.NoticeNone, "", payment.Leave},
		"half of it":                {failed, true, start.Add(5 * 24 * time.Hour), payment.NoticeReminder, payment.PastDue, payment.Leave},
		"reminded":                  {reminded, true, start.Add(6 * 24 * time.Hour), payment.NoticeNone, "", payment.Leave},
		"just before the end":       {reminded, true, ends.Add(-1), payment.NoticeNone, "", payment.Leave},
		"the end":                   {reminded, true, ends, payment.NoticeSuspended, payment.Suspended, payment.Suspend},
		"the end, never reminded":   {failed, true, ends.Add(time.Hour), payment.NoticeSuspended, payment.Suspended, payment.Suspend},
		"suspended":                 {suspended, true, ends.Add(1000 * time.Hour), payment.NoticeNone, "", payment.Leave},
		"paid in time":              {reminded, false, ends.Add(-1), payment.NoticeRecovered, payment.Good, payment.Leave},
		"paid after the suspension": {suspended, false, ends.Add(time.Hour), payment.NoticeRecovered, payment.Good, payment.Resume},
		"the clock was set back":    {failed, true, start.Add(-time.Hour), payment.NoticeNone, "", payment.Leave},
	} {
		change, changes := policy.Dun(c.account, c.owes, c.at)
		if changes != (c.standing != "") || change.Notice != c.want || change.Suspension != c.suspension || (changes && change.Account.Standing != c.standing) {
			t.Errorf("%s: %+v, %v", what, change, changes)
		}
		if changes { // a crash repeats what was decided on, and not more
			if again, _ := policy.Dun(c.account, c.owes, c.at); again != change {
				t.Errorf("%s: another time it is %+v", what, again)
			}
			if next, more := policy.Dun(change.Account, c.owes, c.at); more {
				t.Errorf("%s: and then %+v", what, next)
			}
		}
	}
}

// TestEveryNoticeSaysWhatToDo and in whose currency.
func TestEveryNoticeSaysWhatToDo(t *testing.T) {
	t.Parallel()
	a := payment.Account{GraceEnds: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)}
	for notice, words := range map[payment.Notice][]string{
		payment.NoticeFailed:    {"EUR 12.05", "declined", "https://m/bill", "24 December 2026"},
		payment.NoticeReminder:  {"EUR 12.05", "https://m/bill", "24 December 2026"},
		payment.NoticeSuspended: {"EUR 12.05", "https://m/bill", "kept"},
		payment.NoticeRecovered: {"paid"},
	} {
		l := notice.Letter("Acme", "https://m", a, payment.Due{Currency: "EUR", Amount: 1205, Decline: "declined"})
		if !strings.HasPrefix(l.Subject, "Acme") {
			t.Errorf("%s: %q", notice, l.Subject)
		}
		for _, word := range words {
			if !strings.Contains(l.Text, word) {
				t.Errorf("%s lacks %q: %s", notice, word, l.Text)
			}
		}
	}
}

func TestAmountsAreWrittenInMajorUnits(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		amount   int64
		currency money.Currency
	}{"0.00": {0, "EUR"}, "0.07": {7, "EUR"}, "-0.07": {-7, "EUR"}, "1234.50": {123450, "USD"}, "1234": {1234, "JPY"}} {
		if got := payment.Major(c.amount, c.currency.Digits()); got != want {
			t.Errorf("%d %s is %s, want %s", c.amount, c.currency, got, want)
		}
	}
}

func TestACardExpiresAfterItsMonth(t *testing.T) {
	t.Parallel()
	card := payment.Card{Last4: "4242", Month: 12, Year: 2026}
	for text, want := range map[string]bool{"2026-11-30": false, "2026-12-02": true, "2027-06-01": true, "2025-12-31": false} {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		if card.ExpiresSoon(at) != want {
			t.Errorf("on %s: %v", text, !want)
		}
	}
	if (payment.Card{}).ExpiresSoon(time.Now()) {
		t.Error("no card expires")
	}
}

// TestABillOfManyLinesKeepsItsSum bounds what is sent.
func TestABillOfManyLinesKeepsItsSum(t *testing.T) {
	t.Parallel()
	b := payment.Bill{Number: "2026-000001"}
	for i := range 250 {
		b.Lines = append(b.Lines, payment.Line{Text: "line", Amount: int64(i - 20)})
	}
	folded := b.Fold()
	if len(folded.Lines) != payment.MaxLines || folded.Sum() != b.Sum() || len(b.Lines) != 250 {
		t.Errorf("%d lines of %d, want %d of %d", len(folded.Lines), folded.Sum(), payment.MaxLines, b.Sum())
	}
}
