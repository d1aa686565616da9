package client

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/millwright-io/millwright/deploy/internal/command"
	"github.com/millwright-io/millwright/deploy/internal/rpc"
	budgetv1 "github.com/millwright-io/millwright/proto/gen/millwright/budget/v1"
	invoicev1 "github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1"
)

func budgetCommands() []command.Command {
	return []command.Command{{
		Name: "budget get", Summary: "show the month's budget, what is spent of it and what it holds back",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Budgets.Get(ctx, &budgetv1.GetRequest{})
			return c.answer(answer, err, func(w io.Writer) { printBudget(w, answer) })
		}),
	}, {
		Name: "budget set", Args: "AMOUNT", Summary: "set the month's budget, e.g. 500.00 in the bill's currency: who is told when, and what happens when it is spent",
		Prepare: setBudget,
	}, {
		Name: "budget remove", Summary: "take the budget away, and what it holds back",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Budgets.Remove(ctx, &budgetv1.RemoveRequest{})
			return c.answer(answer, err, func(w io.Writer) { _, _ = fmt.Fprintln(w, "there is no budget any more") })
		}),
	}, {
		Name: "budget notices", Summary: "show which shares of a budget were told of in the last 13 months, newest first",
		Prepare: plain(func(ctx context.Context, c *call) error {
			answer, err := c.Budgets.ListNotices(ctx, &budgetv1.ListNoticesRequest{})
			return c.answer(answer, err, func(w io.Writer) {
				table(w, "TIME MONTH OF PERCENT SPENT BUDGET", func(row func(...any)) {
					for _, n := range answer.GetNotices() {
						in := &invoicev1.Bill{CurrencyDigits: n.GetCurrencyDigits()}
						row(at(n.GetCreatedAt()), n.GetMonth().AsTime().Format("2006-01"), word(n.GetBasis(), "BASIS_"), n.GetPercent(),
							n.GetCurrency()+" "+minor(n.GetSpentMinor(), in), n.GetCurrency()+" "+minor(n.GetAmountMinor(), in))
					}
				})
			})
		}),
	}}
}

func setBudget(fs *flag.FlagSet) command.Run {
	actual := fs.String("at", "50,80,100", "per cent of the amount at which people are told, of what was spent")
	forecast := fs.String("forecast", "100", "per cent of the amount at which people are told, of the forecast")
	spent := fs.String("when-spent", "notify", "what happens when it is spent: notify, throttle or block")
	credits := fs.String("when-credits-spent", "overage", "what happens when prepaid credits are used up: overage, notify, throttle or block")
	rate := fs.Int("throttle", 0, "events a second that throttle leaves")
	return verb(func(*flag.FlagSet) func(context.Context, *call) error {
		return func(ctx context.Context, c *call) (err error) {
			req := &budgetv1.SetRequest{ThrottleEventsPerSecond: int32(min(max(*rate, -1), 1<<30))} //nolint:gosec // bounded here
			if req.ActualPercents, err = percents("--at", *actual); err != nil {
				return err
			}
			if req.ForecastPercents, err = percents("--forecast", *forecast); err != nil {
				return err
			}
			if req.WhenSpent, err = budgetAction("--when-spent", *spent, "notify, throttle or block"); err != nil {
				return err
			}
			if req.WhenCreditsSpent, err = budgetAction("--when-credits-spent", *credits, "overage, notify, throttle or block"); err != nil {
				return err
			}
			state, err := c.Budgets.Get(ctx, &budgetv1.GetRequest{})
			if err != nil {
				return rpc.Explain(err)
			}
			if req.AmountMinor, err = toMinor(c.args[0], int(state.GetCurrencyDigits())); err != nil {
				return err
			}
			answer, err := c.Budgets.Set(ctx, req)
			return c.answer(answer, err, func(w io.Writer) { printBudget(w, answer.GetState()) })
		}
	})(fs)
}

// percents reads 50,80,100.
func percents(name, text string) ([]int32, error) {
	list := make([]int32, 0, 3)
	for _, w := range words(text) {
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil || n < 1 {
			return nil, command.Usage("%s %q: want whole per cents with commas, e.g. 50,80,100", name, text)
		}
		list = append(list, int32(n))
	}
	return list, nil
}

func budgetAction(name, text, want string) (budgetv1.Action, error) {
	a, ok := budgetv1.Action_value["ACTION_"+strings.ToUpper(text)]
	if !ok || a == 0 || !strings.Contains(want, text) {
		return 0, command.Usage("%s %q: want %s", name, text, want)
	}
	return budgetv1.Action(a), nil
}

// toMinor reads an amount of major units as minor ones, exactly: 12.5 are 1250 cents.
func toMinor(text string, digits int) (int64, error) {
	wholes, rest, pointed := strings.Cut(text, ".")
	n, err := strconv.ParseUint(wholes+rest+strings.Repeat("0", max(digits-len(rest), 0)), 10, 62)
	if err != nil || wholes == "" || len(rest) > digits || pointed && rest == "" {
		return 0, command.Usage("amount %q: want a number with at most %d digits after the point, e.g. 500", text, digits)
	}
	return int64(n), nil //nolint:gosec // 62 bits
}

func printBudget(w io.Writer, st *budgetv1.GetResponse) {
	in := &invoicev1.Bill{CurrencyDigits: st.GetCurrencyDigits()}
	money := func(amount int64) string { return st.GetCurrency() + " " + minor(amount, in) }
	_, _ = fmt.Fprintf(w, "%s: spent %s, at this pace %s\n", st.GetMonth().AsTime().Format("2006-01"), money(st.GetSpentMinor()), money(st.GetForecastMinor()))
	b := st.GetBudget()
	if b == nil {
		_, _ = fmt.Fprintln(w, "there is no budget: set one with `budget set AMOUNT`")
		return
	}
	_, _ = fmt.Fprintf(w, "budget %s, told of at %v %% spent and %v %% forecast; when spent: %s; when credits are spent: %s\n", money(b.GetAmountMinor()),
		b.GetActualPercents(), b.GetForecastPercents(), word(b.GetWhenSpent(), "ACTION_"), word(b.GetWhenCreditsSpent(), "ACTION_"))
	if st.GetProblem() != "" {
		_, _ = fmt.Fprintln(w, st.GetProblem())
	}
	if h := st.GetHold(); h != nil {
		_, _ = fmt.Fprintf(w, "since %s: %s\n", at(h.GetSince()), h.GetReason())
	}
}
