package controlplane

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/millwright-io/millwright/billing/metering"
	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	billingpostgres "github.com/millwright-io/millwright/billing/postgres"
	billingrpc "github.com/millwright-io/millwright/billing/rpc"
	"github.com/millwright-io/millwright/billing/stripe"
	"github.com/millwright-io/millwright/controlplane/internal/audit"
	"github.com/millwright-io/millwright/controlplane/internal/tenant"
	"github.com/millwright-io/millwright/proto/gen/millwright/payment/v1/paymentv1connect"
	"github.com/millwright-io/millwright/tenancy"
	chain "github.com/millwright-io/millwright/tenancy/rpc"
)

// openPayments prepares the collecting of invoices, when there is a payment provider.
func (a *App) openPayments(ctx context.Context, tenants *tenant.Service) (err error) {
	if a.cfg.StripeKeyFile == "" {
		return nil
	}
	if a.stripe, err = stripe.Open(a.cfg.StripeKeyFile, a.cfg.StripeURL); err != nil {
		return err
	}
	if err := a.ledger.BeginCollecting(ctx, a.billingNow()); err != nil {
		return err
	}
	a.teller = metering.NewTeller(a.ledger, a.stripe, a.log, a.now)
	a.payer = outbox.NewWorker(outbox.Deps{
		Store: a.ledger, Provider: a.stripe, Tenants: suspender{tenants}, Policy: payment.Policy{Grace: a.cfg.PaymentGrace}, Origin: a.origin(),
		Log: a.log, Now: a.now, Billing: a.billingNow, Crash: crashPoint(a.log),
	})
	return nil
}

func (a *App) origin() string { return strings.TrimRight(a.cfg.PublicURL, "/") }

// payments is the service of how invoices are collected.
func (a *App) payments(c *chain.Chain) chain.Service {
	service := payment.NewService(a.ledger, nil, nil, a.origin(), a.billingNow)
	if a.stripe != nil {
		service = payment.NewService(a.ledger, a.stripe, outbox.NewCustomers(a.ledger, a.stripe, a.now), a.origin(), a.billingNow)
	}
	path, handler := paymentv1connect.NewPaymentServiceHandler(&billingrpc.Payments{Payments: service, Outbox: paymentOutbox{a, a.ledger}, Now: a.billingNow}, c.Options()...)
	return chain.Service{Path: path, Handler: handler}
}

// webhooks takes what the payment provider tells us. Its signature is its credential, so no chain is in front of it.
func (a *App) webhooks(mux *http.ServeMux) {
	if a.stripe != nil {
		mux.Handle("POST "+stripe.WebhookPath, stripe.Webhook(a.cfg.StripeWebhookSecretFile, a.ledger, a.log, a.now))
	}
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

// suspender stops serving tenants that do not pay, and serves them again when they do. A tenant that is gone needs neither.
type suspender struct{ tenants *tenant.Service }

// SuspendForPayment implements outbox.Tenants.
func (s suspender) SuspendForPayment(ctx context.Context, id tenancy.ID, reason string) error {
	t, err := s.tenants.Get(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) || (err == nil && !t.Suspension.At.IsZero()) {
		return nil
	}
	if err == nil {
		_, err = s.tenants.Suspend(ctx, system(id), id, reason)
	}
	return err
}

// ResumeAfterPayment implements outbox.Tenants.
func (s suspender) ResumeAfterPayment(ctx context.Context, id tenancy.ID, reason string) error {
	t, err := s.tenants.Get(ctx, id)
	if errors.Is(err, tenancy.ErrNotFound) || (err == nil && t.Suspension.Reason != reason) {
		return nil
	}
	if err == nil {
		_, err = s.tenants.Resume(ctx, system(id), id)
	}
	return err
}

// system is who does what nobody asked for.
func system(id tenancy.ID) tenancy.Principal {
	return tenancy.Principal{Tenant: id, Actor: audit.System}
}
