package payment

import (
	"fmt"
	"time"
)

// Notice is one thing that people are told of an overdue payment.
type Notice string

// The notices, in the order in which they are sent.
const (
	NoticeNone      Notice = ""
	NoticeFailed    Notice = "failed"
	NoticeReminder  Notice = "reminder"
	NoticeSuspended Notice = "suspended"
	NoticeRecovered Notice = "recovered"
)

// Policy says how long a tenant is served whose payment failed.
type Policy struct {
	Grace time.Duration
}

// Suspension is what is to be done about whether the tenant is served.
type Suspension int

// What is to be done.
const (
	Leave Suspension = iota
	Suspend
	Resume
)

// Change is what the moment asks for.
type Change struct {
	Account    Account
	Suspension Suspension
	// Notice is sent with the change; none: nobody is told.
	Notice Notice
}

// Dun is what becomes of an account at a time on the clock of billing. owes says whether a payment failed and was not made since. It is pure:
// the same account at the same time comes to the same, so that a crash in between repeats it.
func (p Policy) Dun(a Account, owes bool, now time.Time) (Change, bool) {
	switch {
	case !owes && a.Standing == Good:
		return Change{}, false
	case !owes:
		was := a.Standing
		a.Standing, a.PastDueSince, a.GraceEnds, a.Noticed = Good, time.Time{}, time.Time{}, NoticeNone
		c := Change{Account: a, Notice: NoticeRecovered}
		if was == Suspended {
			c.Suspension = Resume
		}
		return c, true
	case a.Standing == Good:
		a.Standing, a.PastDueSince, a.GraceEnds, a.Noticed = PastDue, now, now.Add(p.Grace), NoticeFailed
		return Change{Account: a, Notice: NoticeFailed}, true
	case a.Standing == PastDue && !now.Before(a.GraceEnds):
		a.Standing, a.Noticed = Suspended, NoticeSuspended
		return Change{Account: a, Suspension: Suspend, Notice: NoticeSuspended}, true
	case a.Standing == PastDue && a.Noticed == NoticeFailed && !now.Before(p.reminder(a)):
		a.Noticed = NoticeReminder
		return Change{Account: a, Notice: NoticeReminder}, true
	}
	return Change{}, false
}

// reminder is when half of the grace is over.
func (p Policy) reminder(a Account) time.Time {
	return a.PastDueSince.Add(a.GraceEnds.Sub(a.PastDueSince) / 2)
}

// Reason is what a tenant and its devices are told while it is suspended for a payment. It is how a suspension of this kind is told from an
// operator's.
const Reason = "a payment is overdue: an owner or somebody of finance can pay it in the console under Billing"

// Letter is an e-mail to those who look after a tenant's money.
type Letter struct{ Subject, Text string }

// Letter is what a notice says. name is the organisation's.
func (n Notice) Letter(name, origin string, a Account, d Due) Letter {
	amount := fmt.Sprintf("%s %s", d.Currency, Major(d.Amount, d.Currency.Digits()))
	page := origin + "/bill"
	end := a.GraceEnds.UTC().Format("2 January 2006 15:04 UTC")
	switch n {
	case NoticeFailed:
		return Letter{name + ": a payment failed", fmt.Sprintf("The payment of %s failed: %s.\n\nIt is tried again in the next days. Check the card, or enter another one:\n\n%s\n\n"+
			"Everything goes on until %s. If nothing was paid by then, devices are refused and nobody can query; what is stored is kept.\n", amount, orNoReason(d.Decline), page, end)}
	case NoticeReminder:
		return Letter{name + ": a payment is still overdue", fmt.Sprintf("The payment of %s is overdue: %s.\n\nOn %s devices will be refused. Pay here:\n\n%s\n", amount, orNoReason(d.Decline), end, page)}
	case NoticeSuspended:
		return Letter{name + " is suspended", fmt.Sprintf("%s is overdue, and the time to pay it is over: devices are refused and nobody can query. What is stored is kept.\n\n"+
			"As soon as it is paid, everything goes on by itself:\n\n%s\n", amount, page)}
	case NoticeRecovered:
		return Letter{name + ": paid, thank you", "What was overdue is paid. Everything goes on as before.\n"}
	case NoticeNone:
	}
	return Letter{}
}

func orNoReason(text string) string {
	if text == "" {
		return "no reason was given"
	}
	return text
}

// Major writes minor units as major ones: 1250 cents are 12.50.
func Major(amount int64, digits uint32) string {
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	if digits == 0 {
		return fmt.Sprintf("%s%d", sign, amount)
	}
	unit := int64(1)
	for range digits {
		unit *= 10
	}
	return fmt.Sprintf("%s%d.%0*d", sign, amount/unit, int(digits), amount%unit)
}
