package rpc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/millwright-io/millwright/billing/contract"
	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/price"
	"github.com/millwright-io/millwright/billing/subscription"
	billingv1 "github.com/millwright-io/millwright/proto/gen/millwright/billing/v1"
	subscriptionv1 "github.com/millwright-io/millwright/proto/gen/millwright/subscription/v1"
	"github.com/millwright-io/millwright/tenancy"
)

// Books are what operators see of all tenants' bills, and change of what they follow from. A change is in the platform's audit log and in
// the tenant's, or is not made.
type Books interface {
	AllInvoices(ctx context.Context, tenant string, status invoice.Status, before string, limit int) ([]invoice.Invoice, error)
	Revenue(ctx context.Context, from time.Time) ([]invoice.Revenue, error)
	InsertContract(ctx context.Context, id tenancy.ID, c contract.Contract, a contract.Author, now time.Time, check func(subscription.Subscription) error) error
	Contracts(ctx context.Context, id tenancy.ID) ([]contract.Contract, error)
	EndContract(ctx context.Context, id tenancy.ID, contractID string, end time.Time, a contract.Author) (contract.Contract, error)
	InsertCredit(ctx context.Context, id tenancy.ID, c contract.Credit, a contract.Author) error
	Credits(ctx context.Context, id tenancy.ID) ([]contract.Credit, error)
	InsertCoupon(ctx context.Context, c contract.Coupon, a contract.Author, now time.Time) error
	Coupons(ctx context.Context) ([]contract.Coupon, error)
	GiveCoupon(ctx context.Context, id tenancy.ID, code string, a contract.Author, now time.Time) (first time.Time, err error)
	IssueCreditNote(ctx context.Context, id tenancy.ID, reference string, n invoice.Note, a contract.Author) (invoice.Note, invoice.Invoice, error)
}

// Billing implements BillingServiceHandler: it is for operators of the installation.
type Billing struct {
	Books Books
	// Prices are all versions of the price book.
	Prices price.Books
	Now    func() time.Time
}

const (
	defaultInvoices = 50
	revenueMonths   = 24
)

// ListInvoices returns a page of invoices of all tenants.
func (s *Billing) ListInvoices(ctx context.Context, req *billingv1.ListInvoicesRequest) (*billingv1.ListInvoicesResponse, error) {
	size := int(req.GetPageSize())
	if size == 0 {
		size = defaultInvoices
	}
	var status invoice.Status
	for ours, theirs := range statuses {
		if theirs == req.GetStatus() {
			status = ours
		}
	}
	list, err := s.Books.AllInvoices(ctx, req.GetTenantId(), status, req.GetPageToken(), size+1)
	if err != nil {
		return nil, err
	}
	res := &billingv1.ListInvoicesResponse{}
	if len(list) > size {
		list = list[:size]
		res.NextPageToken = list[size-1].Number
	}
	for _, i := range list {
		res.Invoices = append(res.Invoices, &billingv1.TenantInvoice{TenantId: string(i.Tenant), Invoice: invoiceToProto(i)})
	}
	return res, nil
}

// GetRevenue returns what was billed by month.
func (s *Billing) GetRevenue(ctx context.Context, _ *billingv1.GetRevenueRequest) (*billingv1.GetRevenueResponse, error) {
	list, err := s.Books.Revenue(ctx, s.Now().UTC().AddDate(0, -revenueMonths, 0))
	if err != nil {
		return nil, err
	}
	res := &billingv1.GetRevenueResponse{}
	for _, r := range list {
		res.Revenue = append(res.Revenue, &billingv1.Revenue{
			Month: timestamppb.New(r.Month), Currency: string(r.Currency), CurrencyDigits: r.Currency.Digits(), Invoices: r.Invoices,
			SubtotalMinor: int64(r.Subtotal), TaxMinor: int64(r.Tax), TotalMinor: int64(r.Total), PaidMinor: int64(r.Paid), OpenMinor: int64(r.Open),
			PastDueMinor: int64(r.PastDue), UncollectibleMinor: int64(r.Uncollectible), VoidMinor: int64(r.Void), CreditedMinor: int64(r.Credited),
		})
	}
	return res, nil
}

// CreateContract keeps a contract.
func (s *Billing) CreateContract(ctx context.Context, req *billingv1.CreateContractRequest) (*billingv1.CreateContractResponse, error) {
	by, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	c, err := contractFromProto(req.GetContract())
	if err != nil {
		return nil, err
	}
	c.ID, c.Note = string(tenancy.NewID()), strings.TrimSpace(req.GetNote())
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := s.Books.InsertContract(ctx, id, c, by, s.Now().UTC(), func(sub subscription.Subscription) error { return sub.Priced(s.Prices, c) }); err != nil {
		return nil, err
	}
	return &billingv1.CreateContractResponse{Contract: contractToProto(c)}, nil
}

// ListContracts returns a tenant's contracts.
func (s *Billing) ListContracts(ctx context.Context, req *billingv1.ListContractsRequest) (*billingv1.ListContractsResponse, error) {
	_, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	list, err := s.Books.Contracts(ctx, id)
	res := &billingv1.ListContractsResponse{}
	for _, c := range list {
		res.Contracts = append(res.Contracts, contractToProto(c))
	}
	return res, err
}

// EndContract ends a contract.
func (s *Billing) EndContract(ctx context.Context, req *billingv1.EndContractRequest) (*billingv1.EndContractResponse, error) {
	by, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	end, err := moment("end", req.GetEnd())
	if err != nil {
		return nil, err
	}
	if !end.Equal(time.Date(end.Year(), end.Month(), 1, 0, 0, 0, 0, time.UTC)) {
		return nil, fmt.Errorf("end %s: want the start of a UTC month: %w", end.Format(time.RFC3339), tenancy.ErrInvalid)
	}
	c, err := s.Books.EndContract(ctx, id, req.GetContractId(), end, by)
	if err != nil {
		return nil, err
	}
	return &billingv1.EndContractResponse{Contract: contractToProto(c)}, nil
}

// GrantCredit keeps a credit.
func (s *Billing) GrantCredit(ctx context.Context, req *billingv1.GrantCreditRequest) (*billingv1.GrantCreditResponse, error) {
	by, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	expires, err := moment("expires_at", req.GetExpiresAt())
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	amount := money.Amount(req.GetAmountMinor())
	c := contract.Credit{
		ID: string(tenancy.NewID()), Currency: money.Currency(req.GetCurrency()), Amount: amount, Left: amount, GrantedAt: now, ExpiresAt: expires,
		Reason: strings.TrimSpace(req.GetReason()), GrantedBy: by.Actor,
	}
	if err := c.Check(now); err != nil {
		return nil, err
	}
	if err := s.Books.InsertCredit(ctx, id, c, by); err != nil {
		return nil, err
	}
	return &billingv1.GrantCreditResponse{Credit: creditToProto(c)}, nil
}

// ListCredits returns a tenant's credits.
func (s *Billing) ListCredits(ctx context.Context, req *billingv1.ListCreditsRequest) (*billingv1.ListCreditsResponse, error) {
	_, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	list, err := s.Books.Credits(ctx, id)
	res := &billingv1.ListCreditsResponse{}
	for _, c := range list {
		res.Credits = append(res.Credits, creditToProto(c))
	}
	return res, err
}

// CreateCoupon makes a coupon.
func (s *Billing) CreateCoupon(ctx context.Context, req *billingv1.CreateCouponRequest) (*billingv1.CreateCouponResponse, error) {
	p, err := tenancy.PrincipalFrom(ctx)
	if err != nil {
		return nil, err
	}
	in := req.GetCoupon()
	c := contract.Coupon{Code: in.GetCode(), Amount: money.Amount(in.GetAmountMinor()), Currency: money.Currency(in.GetCurrency()), Months: int(in.GetMonths())}
	if c.Percent, err = priceFromProto(in.GetPercent()); err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	if err := s.Books.InsertCoupon(ctx, c, authorOf(ctx, p), s.Now().UTC()); err != nil {
		return nil, err
	}
	return &billingv1.CreateCouponResponse{Coupon: couponToProto(c)}, nil
}

// ListCoupons returns every coupon.
func (s *Billing) ListCoupons(ctx context.Context, _ *billingv1.ListCouponsRequest) (*billingv1.ListCouponsResponse, error) {
	list, err := s.Books.Coupons(ctx)
	res := &billingv1.ListCouponsResponse{}
	for _, c := range list {
		res.Coupons = append(res.Coupons, couponToProto(c))
	}
	return res, err
}

// GiveCoupon gives a tenant a coupon.
func (s *Billing) GiveCoupon(ctx context.Context, req *billingv1.GiveCouponRequest) (*billingv1.GiveCouponResponse, error) {
	by, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	first, err := s.Books.GiveCoupon(ctx, id, req.GetCode(), by, s.Now().UTC())
	if err != nil {
		return nil, err
	}
	return &billingv1.GiveCouponResponse{FirstMonth: timestamppb.New(first)}, nil
}

// IssueCreditNote takes an invoice back.
func (s *Billing) IssueCreditNote(ctx context.Context, req *billingv1.IssueCreditNoteRequest) (*billingv1.IssueCreditNoteResponse, error) {
	by, id, err := s.about(ctx, req.GetTenantId())
	if err != nil {
		return nil, err
	}
	reason := strings.TrimSpace(req.GetReason())
	if reason == "" {
		return nil, fmt.Errorf("reason: say why, the tenant reads it: %w", tenancy.ErrInvalid)
	}
	n, i, err := s.Books.IssueCreditNote(ctx, id, req.GetInvoiceId(), invoice.Note{
		Amount: money.Amount(req.GetAmountMinor()), Reason: reason, IssuedAt: s.Now().UTC(), IssuedBy: by.Actor,
	}, by)
	if err != nil {
		return nil, err
	}
	return &billingv1.IssueCreditNoteResponse{CreditNote: noteToProto(n), Invoice: invoiceToProto(i)}, nil
}

// about is who calls, and the tenant that the request names.
func (s *Billing) about(ctx context.Context, tenant string) (contract.Author, tenancy.ID, error) {
	p, err := tenancy.PrincipalFrom(ctx)
	if err != nil {
		return contract.Author{}, "", err
	}
	id, err := tenancy.ParseID(tenant)
	return authorOf(ctx, p), id, err
}

func authorOf(ctx context.Context, p tenancy.Principal) contract.Author {
	call := tenancy.CallFrom(ctx)
	return contract.Author{Actor: p.Actor, Action: call.Procedure, RemoteAddress: call.RemoteAddress, RequestID: call.RequestID}
}

func moment(field string, t *timestamppb.Timestamp) (time.Time, error) {
	if err := t.CheckValid(); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w: %w", field, err, tenancy.ErrInvalid)
	}
	return t.AsTime(), nil
}

func creditToProto(c contract.Credit) *subscriptionv1.Credit {
	return &subscriptionv1.Credit{
		CreditId: c.ID, Currency: string(c.Currency), CurrencyDigits: c.Currency.Digits(), AmountMinor: int64(c.Amount), LeftMinor: int64(c.Left),
		GrantedAt: timestamppb.New(c.GrantedAt), ExpiresAt: timestamppb.New(c.ExpiresAt), Reason: c.Reason,
	}
}

func couponToProto(c contract.Coupon) *billingv1.Coupon {
	return &billingv1.Coupon{
		Code: c.Code, Percent: bound(c.Percent), AmountMinor: int64(c.Amount), Currency: string(c.Currency), Months: int32(c.Months), //nolint:gosec // at most 120
	}
}

func contractFromProto(in *subscriptionv1.Contract) (c contract.Contract, err error) {
	if c.From, err = moment("start", in.GetStart()); err != nil {
		return c, err
	}
	if in.GetEnd() != nil {
		if c.To, err = moment("end", in.GetEnd()); err != nil {
			return c, err
		}
	}
	c.Currency = money.Currency(in.GetCurrency())
	if c.Discount, err = priceFromProto(in.GetDiscountPercent()); err != nil {
		return c, err
	}
	for _, field := range []struct {
		text string
		to   **money.Price
	}{{in.GetFlat(), &c.Flat}, {in.GetMinimum(), &c.Minimum}} {
		if field.text == "" {
			continue
		}
		p, err := money.ParsePrice(field.text)
		if err != nil {
			return c, err
		}
		*field.to = &p
	}
	c.Charges, err = chargesFromProto(in.GetCharges())
	return c, err
}
