package rpc

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/outbox"
	"github.com/millwright-io/millwright/billing/payment"
	paymentv1 "github.com/millwright-io/millwright/proto/gen/millwright/payment/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Outbox is what operators see and do of what is sent to the payment provider.
type Outbox interface {
	// Outbox returns entries: those that wait for an operator first, then those under way, then the newest.
	Outbox(ctx context.Context, id tenancy.ID, parked bool, limit int) ([]outbox.Entry, error)
	// Retry takes an entry's step again at once.
	Retry(ctx context.Context, p tenancy.Principal, entry string) (outbox.Entry, error)
}

// Payments implements PaymentServiceHandler.
type Payments struct {
	Payments *payment.Service
	Outbox   Outbox
	// Now is the clock of billing.
	Now func() time.Time
}

const (
	defaultPayments = 50
	mostEntries     = 200
)

// GetStatus returns how the tenant stands.
func (s *Payments) GetStatus(ctx context.Context, _ *paymentv1.GetStatusRequest) (*paymentv1.GetStatusResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	st, err := s.Payments.Status(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	res := &paymentv1.GetStatusResponse{Configured: s.Payments.Configured(), NextAction: st.Next}
	if !res.GetConfigured() {
		return res, nil
	}
	res.Standing, res.Method = standings[st.Account.Standing], s.card(st.Account.Card)
	res.PastDueSince, res.SuspendedAt = stamp(st.Account.PastDueSince), stamp(st.Account.GraceEnds)
	if st.Due.Amount > 0 {
		res.Currency, res.DueMinor, res.CurrencyDigits = string(st.Due.Currency), st.Due.Amount, st.Due.Currency.Digits()
	}
	return res, nil
}

// GetPaymentMethod returns the card.
func (s *Payments) GetPaymentMethod(ctx context.Context, _ *paymentv1.GetPaymentMethodRequest) (*paymentv1.GetPaymentMethodResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	st, err := s.Payments.Status(ctx, p.Tenant)
	if err != nil {
		return nil, err
	}
	return &paymentv1.GetPaymentMethodResponse{Configured: s.Payments.Configured(), Method: s.card(st.Account.Card)}, nil
}

// ListPayments returns a page of payments; the page token is the invoice of the last one shown.
func (s *Payments) ListPayments(ctx context.Context, req *paymentv1.ListPaymentsRequest) (*paymentv1.ListPaymentsResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultPayments
	}
	list, err := s.Payments.Payments(ctx, p.Tenant, req.GetPageToken(), size)
	if err != nil {
		return nil, err
	}
	res := &paymentv1.ListPaymentsResponse{}
	for _, one := range list {
		res.Payments = append(res.Payments, paymentToProto(one))
	}
	if len(list) == size {
		res.NextPageToken = list[len(list)-1].Bill.Invoice
	}
	return res, nil
}

// CreateCheckout returns the page on which a card is entered.
func (s *Payments) CreateCheckout(ctx context.Context, _ *paymentv1.CreateCheckoutRequest) (*paymentv1.CreateCheckoutResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	url, err := s.Payments.Checkout(ctx, p.Tenant)
	return &paymentv1.CreateCheckoutResponse{Url: url}, err
}

// CreatePortal returns the provider's page of cards and receipts.
func (s *Payments) CreatePortal(ctx context.Context, _ *paymentv1.CreatePortalRequest) (*paymentv1.CreatePortalResponse, error) {
	p, err := tenancy.TenantFrom(ctx)
	if err != nil {
		return nil, err
	}
	url, err := s.Payments.Portal(ctx, p.Tenant)
	return &paymentv1.CreatePortalResponse{Url: url}, err
}

// ListFailed returns who owes a payment.
func (s *Payments) ListFailed(ctx context.Context, _ *paymentv1.ListFailedRequest) (*paymentv1.ListFailedResponse, error) {
	list, err := s.Payments.Debtors(ctx)
	if err != nil {
		return nil, err
	}
	res := &paymentv1.ListFailedResponse{}
	for _, d := range list {
		res.Debtors = append(res.Debtors, &paymentv1.Debtor{
			TenantId: string(d.Tenant), Name: d.TenantName, Standing: standings[d.Standing], Currency: string(d.Due.Currency), DueMinor: d.Due.Amount,
			CurrencyDigits: d.Due.Currency.Digits(), PastDueSince: stamp(d.PastDueSince), SuspendedAt: stamp(d.GraceEnds), Failure: d.Due.Decline,
		})
	}
	return res, nil
}

// ListOutbox returns what is sent to the provider.
func (s *Payments) ListOutbox(ctx context.Context, req *paymentv1.ListOutboxRequest) (*paymentv1.ListOutboxResponse, error) {
	list, err := s.Outbox.Outbox(ctx, tenancy.ID(req.GetTenantId()), req.GetParked(), mostEntries)
	if err != nil {
		return nil, err
	}
	res := &paymentv1.ListOutboxResponse{}
	for _, e := range list {
		res.Entries = append(res.Entries, entryToProto(e))
	}
	return res, nil
}

// RetryEntry takes an entry's step again.
func (s *Payments) RetryEntry(ctx context.Context, req *paymentv1.RetryEntryRequest) (*paymentv1.RetryEntryResponse, error) {
	p, err := tenancy.PrincipalFrom(ctx)
	if err != nil {
		return nil, err
	}
	e, err := s.Outbox.Retry(ctx, p, req.GetEntryId())
	if err != nil {
		return nil, err
	}
	return &paymentv1.RetryEntryResponse{Entry: entryToProto(e)}, nil
}

// ListEvents returns what the provider told us.
func (s *Payments) ListEvents(ctx context.Context, req *paymentv1.ListEventsRequest) (*paymentv1.ListEventsResponse, error) {
	list, err := s.Payments.Events(ctx, req.GetUnknown())
	if err != nil {
		return nil, err
	}
	res := &paymentv1.ListEventsResponse{}
	for _, e := range list {
		res.Events = append(res.Events, &paymentv1.Event{
			EventId: e.ID, Type: e.Type, CreatedAt: stamp(e.CreatedAt), ReceivedAt: stamp(e.ReceivedAt), TenantId: string(e.Tenant), Object: e.Object, Outcome: e.Outcome,
		})
	}
	return res, nil
}

var (
	standings = map[payment.Standing]paymentv1.Standing{
		payment.Good: paymentv1.Standing_STANDING_GOOD, payment.PastDue: paymentv1.Standing_STANDING_PAST_DUE, payment.Suspended: paymentv1.Standing_STANDING_SUSPENDED,
	}
	paymentStates = map[payment.State]paymentv1.PaymentState{
		payment.Pending: paymentv1.PaymentState_PAYMENT_STATE_PENDING, payment.Paid: paymentv1.PaymentState_PAYMENT_STATE_PAID,
		payment.Failed: paymentv1.PaymentState_PAYMENT_STATE_FAILED, payment.Void: paymentv1.PaymentState_PAYMENT_STATE_VOID,
	}
	entryStates = map[outbox.State]paymentv1.EntryState{
		outbox.Working: paymentv1.EntryState_ENTRY_STATE_WORKING, outbox.Awaiting: paymentv1.EntryState_ENTRY_STATE_AWAITING,
		outbox.Done: paymentv1.EntryState_ENTRY_STATE_DONE, outbox.Parked: paymentv1.EntryState_ENTRY_STATE_PARKED,
	}
)

func (s *Payments) card(c payment.Card) *paymentv1.PaymentMethod {
	if c.Last4 == "" {
		return nil
	}
	return &paymentv1.PaymentMethod{
		Brand: c.Brand, Last4: c.Last4, ExpiresMonth: int32(c.Month), ExpiresYear: int32(c.Year), ExpiresSoon: c.ExpiresSoon(s.Now()), //nolint:gosec // of a calendar
	}
}

func paymentToProto(p payment.Payment) *paymentv1.Payment {
	return &paymentv1.Payment{
		InvoiceId: p.Bill.Invoice, InvoiceNumber: p.Bill.Number, State: paymentStates[p.State], Currency: string(p.Bill.Currency), AmountMinor: p.Bill.Total,
		CurrencyDigits: p.Bill.Currency.Digits(), CreatedAt: stamp(p.CreatedAt), PaidAt: stamp(p.PaidAt), Failure: p.Decline,
		Attempts: int32(p.Charges), Reference: p.Reference, //nolint:gosec // a count
	}
}

func entryToProto(e outbox.Entry) *paymentv1.Entry {
	m := &paymentv1.Entry{
		EntryId: e.ID, TenantId: string(e.Tenant), InvoiceId: e.Bill.Invoice, State: entryStates[e.State], Step: string(e.Step), Attempts: int32(e.Attempts), //nolint:gosec // a count
		Failure: e.Failure, CreatedAt: stamp(e.CreatedAt), Reference: e.Reference,
	}
	if e.State == outbox.Working || e.State == outbox.Awaiting {
		m.DueAt = stamp(e.DueAt)
	}
	return m
}

// stamp is unset for the zero time.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
