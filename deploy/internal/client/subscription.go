package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
)

func subscriptionCommands() []command.Command {
	return []command.Command{{
		Name: "plan show", Summary: "show what the organisation pays by: plan, currency, contract, and a change that waits",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Subscriptions.Get(ctx, &subscriptionv1.GetRequest{})
			return c.answer(answer, err, func(w io.Writer) { printSubscription(w, answer.GetSubscription()) })
		}),
	}, {
		Name: "plan compare", Summary: "compare the plans: their fees, prices and limits",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Subscriptions.ListPlans(ctx, &subscriptionv1.ListPlansRequest{})
			return c.answer(answer, err, func(w io.Writer) { printPlans(w, answer) })
		}),
	}, {
		Name: "plan credits", Summary: "list what the organisation paid in advance, and what is left of it",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Subscriptions.ListCredits(ctx, &subscriptionv1.ListCreditsRequest{})
			return c.answer(answer, err, func(w io.Writer) { printCredits(w, answer.GetCredits()...) })
		}),
	}, {
		Name: "plan preview", Args: "PLAN", Summary: "show what the bill comes to with another plan",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			later := fs.Bool("at-month-end", false, "when the UTC month has ended, not now")
			return func(ctx context.Context, c *call) error {
				answer, err := c.Subscriptions.PreviewChange(ctx, &subscriptionv1.PreviewChangeRequest{Plan: c.args[0], At: changeTime(*later)})
				return c.answer(answer, err, func(w io.Writer) { printPreview(w, answer) })
			}
		}),
	}, {
		Name: "plan change", Args: "PLAN", Summary: "change the plan; its limits hold within a second",
		Prepare: verb(func(fs *flag.FlagSet) func(context.Context, *call) error {
			later := fs.Bool("at-month-end", false, "when the UTC month has ended, not now")
			tag := fs.String("preview", "", "the `TAG` that `plan preview` ended with: book nothing but what it showed")
			return func(ctx context.Context, c *call) error {
				req := &subscriptionv1.ChangePlanRequest{Plan: c.args[0], At: changeTime(*later), Etag: *tag}
				if req.GetEtag() == "" {
					preview, err := c.Subscriptions.PreviewChange(ctx, &subscriptionv1.PreviewChangeRequest{Plan: req.GetPlan(), At: req.GetAt()})
					if err != nil {
						return rpc.Explain(err)
					}
					req.Etag = preview.GetEtag()
				}
				answer, err := c.Subscriptions.ChangePlan(ctx, req)
				return c.answer(answer, err, func(w io.Writer) { printSubscription(w, answer.GetSubscription()) })
			}
		}),
	}, {
		Name: "plan cancel", Summary: "take back a change of plan that waits for the end of the month",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Subscriptions.CancelChange(ctx, &subscriptionv1.CancelChangeRequest{})
			return c.answer(answer, err, func(w io.Writer) { printSubscription(w, answer.GetSubscription()) })
		}),
	}}
}

func changeTime(later bool) subscriptionv1.ChangeTime {
	if later {
		return subscriptionv1.ChangeTime_CHANGE_TIME_PERIOD_END
	}
	return subscriptionv1.ChangeTime_CHANGE_TIME_NOW
}

func printSubscription(w io.Writer, s *subscriptionv1.Subscription) {
	_, _ = fmt.Fprintf(w, "plan %s in %s, region %s, since %s\n", s.GetPlan(), s.GetCurrency(), s.GetRegion(), at(s.GetSince()))
	if s.GetTrialEnd() != nil {
		_, _ = fmt.Fprintf(w, "trial until %s\n", at(s.GetTrialEnd()))
	}
	if c := s.GetContract(); c != nil {
		_, _ = fmt.Fprintf(w, "contract %s from %s: %s%% off\n", c.GetContractId(), at(c.GetStart()), c.GetDiscountPercent())
	}
	if p := s.GetPending(); p != nil {
		_, _ = fmt.Fprintf(w, "plan %s from %s, asked for by %s\n", p.GetPlan(), at(p.GetEffectiveAt()), p.GetRequestedBy())
	}
}

func printPlans(w io.Writer, answer *subscriptionv1.ListPlansResponse) {
	table(w, "PLAN FEE TRIAL CHARGES EVENTS/S DEVICES", func(row func(...any)) {
		for _, p := range answer.GetPlans() {
			name, limits := p.GetPlan(), map[string]int64{}
			if p.GetCurrent() {
				name += " *"
			}
			for _, l := range p.GetLimits() {
				limits[l.GetName()] = l.GetMaximum()
			}
			row(name, p.GetFlat(), fmt.Sprintf("%d days", p.GetTrialDays()), charges(p.GetCharges()), limits["events_per_second"], limits["devices"])
		}
	})
	_, _ = fmt.Fprintf(w, "a month, in %s (price book %s)\n", answer.GetCurrency(), answer.GetPriceBook())
}

// charges names what is charged for; of tiers the price of each.
func charges(list []*subscriptionv1.Charge) string {
	var all []string
	for _, c := range list {
		var prices []string
		for _, t := range c.GetTiers() {
			prices = append(prices, t.GetPrice())
		}
		all = append(all, fmt.Sprintf("%s: %d included, then %s for %d", c.GetMeter(), c.GetIncluded(), strings.Join(prices, ", "), c.GetPer()))
	}
	return strings.Join(all, "; ")
}

func printPreview(w io.Writer, p *subscriptionv1.PreviewChangeResponse) {
	printLines(w, p.GetChangedForecast())
	total := func(b *invoicev1.Bill) string { return b.GetCurrency() + " " + minor(b.GetTotalMinor(), b) }
	_, _ = fmt.Fprintf(w, "from %s: this month so far %s instead of %s, at this pace %s instead of %s, next month %s\n", at(p.GetEffectiveAt()),
		total(p.GetChangedBill()), total(p.GetBill()), total(p.GetChangedForecast()), total(p.GetForecast()), total(p.GetNextMonth()))
	for _, o := range p.GetObstacles() {
		_, _ = fmt.Fprintf(w, "in the way: %s\n", o)
	}
	_, _ = fmt.Fprintf(w, "book it with --preview %s\n", p.GetEtag())
}
