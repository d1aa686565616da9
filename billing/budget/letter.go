package budget

import "fmt"

// letter is what people are told of a notice.
func letter(origin, organisation string, b Budget, n Notice) Letter {
	month := n.Month.Format("January 2006")
	spent, amount := n.Spent.In(n.Currency), n.Amount.In(n.Currency)
	var subject, what string
	action := b.WhenSpent
	switch n.Basis {
	case Credits:
		action = b.WhenCreditsSpent
		subject = organisation + ": prepaid credits are used up"
		what = fmt.Sprintf("The prepaid credits of %s are used up. %s of usage and fees came up in %s so far.", organisation, spent, month)
	case Forecast:
		subject = fmt.Sprintf("%s: on the way to %d %% of the budget", organisation, n.Percent)
		what = fmt.Sprintf("If usage goes on as until now, %s of %s will cost %s before tax. The budget is %s.", month, organisation, spent, amount)
	default:
		subject = fmt.Sprintf("%s: %d %% of the budget is spent", organisation, n.Percent)
		what = fmt.Sprintf("%s of %s cost %s so far, before tax. The budget is %s.", month, organisation, spent, amount)
	}
	return Letter{Subject: subject, Text: fmt.Sprintf(`%s

%s

The month so far, its forecast and the budget:

%s/bill

You get this because you are an owner, an admin or in finance; each share of a budget is told of once a month.
`, what, consequence(action, b, n), origin)}
}

// consequence says what happens next.
func consequence(a Action, b Budget, n Notice) string {
	when := "When the budget is spent"
	if n.Basis == Credits || n.Basis == Actual && n.Percent >= 100 {
		when = "From here on until the month ends or the budget is raised"
	}
	switch a {
	case Block:
		return when + ", devices' events are refused."
	case Throttle:
		return fmt.Sprintf("%s, devices' events are held to %d a second.", when, b.EventsPerSecond)
	default:
		return "Nothing is held back: everything goes on and is billed."
	}
}
