package controlplane

import (
	"context"
	"strings"
	"time"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/billing/change"
	"github.com/millwright-io/millwright/billing/clock"
	"github.com/millwright-io/millwright/billing/invoice"
	billingpostgres "github.com/millwright-io/millwright/billing/postgres"
	billingrpc "github.com/millwright-io/millwright/billing/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/proto/gen/millwright/billing/v1/billingv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/budget/v1/budgetv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1/invoicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1/subscriptionv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/usage/v1/usagev1connect"
	"github.com/millwright-io/millwright/tenancy"
	chain "github.com/millwright-io/millwright/tenancy/rpc"
)

// rehearsing is how often months that have ended are looked for while billing lives by a clock that somebody sets.
const rehearsing = time.Second

// openBilling prepares the books, and the clock that they live by.
func (a *App) openBilling() error {
	a.billingNow = a.now
	every := a.cfg.InvoiceEvery
	if a.cfg.BillingClock != "" {
		file, err := clock.Open(a.cfg.BillingClock, a.log)
		if err != nil {
			return err
		}
		a.billingNow = file.Now
		every = min(every, rehearsing)
	}
	a.billingEvery = every
	a.ledger = billingpostgres.New(a.store.Pool())
	a.closer = invoice.NewCloser(a.books, a.ledger, invoice.Closing{
		Grace: a.cfg.InvoiceGrace, PayIn: a.cfg.InvoicePayIn, Every: every,
	}, a.log, a.billingNow)
	return nil
}

// billing are the services of usage and money, behind the one chain.
func (a *App) billing(c *chain.Chain, tenants *tenant.Service) []chain.Service {
	usagePath, usageHandler := usagev1connect.NewUsageServiceHandler(billingrpc.New(a.ledger, plans{tenants}, a.now), c.Options()...)
	invoices := invoice.NewService(a.books, a.ledger, a.billingNow)
	invoicePath, invoiceHandler := invoicev1connect.NewInvoiceServiceHandler(&billingrpc.Invoices{Invoices: invoices, Collected: a.stripe != nil}, c.Options()...)
	subscriptionPath, subscriptionHandler := subscriptionv1connect.NewSubscriptionServiceHandler(&billingrpc.Subscriptions{
		Changes: change.NewService(a.books, a.ledger, planChanges{tenants}, a.billingNow), Credits: a.ledger, Limits: planLimits(tenants),
	}, c.Options()...)
	a.budgets = budget.NewService(a.ledger, invoices, strings.TrimRight(a.cfg.PublicURL, "/"), a.log, a.billingNow)
	budgetPath, budgetHandler := budgetv1connect.NewBudgetServiceHandler(&billingrpc.Budgets{Budgets: a.budgets}, c.Options()...)
	billingPath, billingHandler := billingv1connect.NewBillingServiceHandler(&billingrpc.Billing{
		Books: a.ledger, Prices: a.books, Now: a.billingNow,
	}, c.Options()...)
	return []chain.Service{
		{Path: billingPath, Handler: billingHandler},
		{Path: usagePath, Handler: usageHandler},
		{Path: invoicePath, Handler: invoiceHandler},
		{Path: subscriptionPath, Handler: subscriptionHandler},
		{Path: budgetPath, Handler: budgetHandler},
		a.payments(c),
	}
}

// applyPlanChanges gives tenants the plans that waited for the end of a month, until ctx is done.
func (a *App) applyPlanChanges(ctx context.Context, tenants *tenant.Service) error {
	tick := time.NewTicker(a.billingEvery)
	defer tick.Stop()
	for {
		tenants.ApplyPlanChanges(ctx, a.billingNow(), a.log)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// plans tells the ledger's API what a tenant's plan includes.
type plans struct{ tenants *tenant.Service }

func (p plans) Plan(ctx context.Context, id tenancy.ID) (string, int64, error) {
	t, err := p.tenants.Get(ctx, id)
	return t.Plan, t.Limits.EventsPerDay, err
}

// planLimits returns the limits of a plan in this installation.
func planLimits(tenants *tenant.Service) func(plan string) map[string]int64 {
	return func(plan string) map[string]int64 {
		all := make(map[string]int64)
		for _, p := range tenants.Plans() {
			if p.Name != plan {
				continue
			}
			for _, l := range tenancy.Limits() {
				if maximum, ok := p.Limits.Of(l.Name); ok {
					all[l.Name] = maximum
				}
			}
		}
		return all
	}
}

// planChanges lets billing change what a tenant has.
type planChanges struct{ tenants *tenant.Service }

func (p planChanges) ChangePlan(ctx context.Context, caller tenancy.Principal, b change.Booking) error {
	return p.tenants.ChangePlan(ctx, caller, tenant.PlanChange{From: b.From, Plan: b.Plan, EffectiveAt: b.EffectiveAt, AtOnce: b.AtOnce})
}

func (p planChanges) CancelPlanChange(ctx context.Context, caller tenancy.Principal) error {
	return p.tenants.CancelPlanChange(ctx, caller)
}

func (p planChanges) PlanObstacles(ctx context.Context, id tenancy.ID, plan string) ([]string, error) {
	return p.tenants.PlanObstacles(ctx, id, plan)
}
