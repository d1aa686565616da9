package controlplane

import (
	"context"
	"strings"

	"github.com/millwright-io/millwright/billing/budget"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	billingpostgres "github.com/millwright-io/millwright/billing/postgres"
	billingrpc "github.com/millwright-io/millwright/billing/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/proto/gen/millwright/budget/v1/budgetv1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/invoice/v1/invoicev1connect"
	"github.com/millwright-io/millwright/proto/gen/millwright/usage/v1/usagev1connect"
	"github.com/millwright-io/millwright/tenancy"
	chain "github.com/millwright-io/millwright/tenancy/rpc"
)

// billing are the services of usage and money, behind the one chain.
func (a *App) billing(c *chain.Chain, cells map[string]rpc.Cell, tenants *tenant.Service) []chain.Service {
	ledger := billingpostgres.New(a.store.Pool())
	usagePath, usageHandler := usagev1connect.NewUsageServiceHandler(billingrpc.New(ledger, plans{tenants}, a.now), c.Options()...)
	invoices := invoice.NewService(a.books, subscriptions{tenants, cells}, ledger, a.now)
	invoicePath, invoiceHandler := invoicev1connect.NewInvoiceServiceHandler(&billingrpc.Invoices{Invoices: invoices}, c.Options()...)
	a.budgets = budget.NewService(ledger, invoices, strings.TrimRight(a.cfg.PublicURL, "/"), a.log, a.now)
	budgetPath, budgetHandler := budgetv1connect.NewBudgetServiceHandler(&billingrpc.Budgets{Budgets: a.budgets}, c.Options()...)
	return []chain.Service{
		{Path: usagePath, Handler: usageHandler}, {Path: invoicePath, Handler: invoiceHandler}, a.payments(c), {Path: budgetPath, Handler: budgetHandler},
	}
}

// plans tells the ledger's API what a tenant's plan includes.
type plans struct{ tenants *tenant.Service }

func (p plans) Plan(ctx context.Context, id tenancy.ID) (string, int64, error) {
	t, err := p.tenants.Get(ctx, id)
	return t.Plan, t.Limits.EventsPerDay, err
}

// currency is what tenants without a contract pay in.
const currency money.Currency = "EUR"

// subscriptions tells billing what a tenant pays by: its plan since it was founded, where it lives.
type subscriptions struct {
	tenants *tenant.Service
	cells   map[string]rpc.Cell
}

func (s subscriptions) Subscription(ctx context.Context, id tenancy.ID) (invoice.Subscription, error) {
	t, err := s.tenants.Get(ctx, id)
	return invoice.Subscription{Since: t.CreatedAt, Plan: t.Plan, Region: s.cells[t.Cell].Region, Currency: currency}, err
}
