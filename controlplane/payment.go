package controlplane

import (
	"context"
	"strings"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	billingpostgres "github.com/millwright-io/millwright/billing/postgres"
	billingrpc "github.com/millwright-io/millwright/billing/rpc"
	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/proto/gen/millwright/payment/v1/paymentv1connect"
	"github.com/millwright-io/millwright/tenancy"
	chain "github.com/millwright-io/millwright/tenancy/rpc"
)

// payments is the service of how invoices are collected.
func (a *App) payments(c *chain.Chain) chain.Service {
	books := billingpostgres.New(a.store.Pool())
	origin := strings.TrimRight(a.cfg.PublicURL, "/")
	service := payment.NewService(books, nil, nil, origin, a.now)
	path, handler := paymentv1connect.NewPaymentServiceHandler(&billingrpc.Payments{Payments: service, Outbox: paymentOutbox{a, books}, Now: a.now}, c.Options()...)
	return chain.Service{Path: path, Handler: handler}
}

// paymentOutbox is the outbox as operators see it; what they do there is in the platform's log.
type paymentOutbox struct {
	app   *App
	books *billingpostgres.Store
}

// Outbox implements billingrpc.Outbox.
func (o paymentOutbox) Outbox(ctx context.Context, id tenancy.ID, parked bool, limit int) ([]outbox.Entry, error) {
	return o.books.Outbox(ctx, id, parked, limit)
}

// Retry implements billingrpc.Outbox.
func (o paymentOutbox) Retry(ctx context.Context, p tenancy.Principal, entry string) (outbox.Entry, error) {
	now := o.app.now()
	e, err := o.books.Retry(ctx, entry, now)
	if err != nil {
		return e, err
	}
	return e, o.app.store.AppendPlatformAudit(ctx, audit.Of(ctx, p, now, "payment/"+entry, map[string]string{"step": string(e.Step), "invoice": e.Bill.Invoice}))
}
