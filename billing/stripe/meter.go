package stripe

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/stripe/stripe-go/v76"

	"github.com/millwright-io/millwright/billing/metering"
)

// EnsureMeters implements metering.Provider. Meters sum what they are told, by customer.
func (c *Client) EnsureMeters(ctx context.Context, meters map[string]string) error {
	there := map[string]bool{}
	list := c.meters.List(&stripe.BillingMeterListParams{ListParams: stripe.ListParams{Context: ctx, Limit: stripe.Int64(100)}})
	for list.Next() {
		there[list.BillingMeter().EventName] = true
	}
	if err := list.Err(); err != nil {
		return explain("list meters", err)
	}
	for name, title := range meters {
		if there[name] {
			continue
		}
		_, err := c.meters.New(&stripe.BillingMeterParams{
			Params: with(ctx, "millwright/meter/"+name), DisplayName: stripe.String(title), EventName: stripe.String(name),
			DefaultAggregation: &stripe.BillingMeterDefaultAggregationParams{Formula: stripe.String("sum")},
			CustomerMapping:    &stripe.BillingMeterCustomerMappingParams{EventPayloadKey: stripe.String("stripe_customer_id"), Type: stripe.String("by_id")},
			ValueSettings:      &stripe.BillingMeterValueSettingsParams{EventPayloadKey: stripe.String("value")},
		})
		if err != nil {
			return explain("make a meter", err)
		}
	}
	return nil
}

// Count implements metering.Provider. An identifier that Stripe knows already is a success: the same was counted before.
func (c *Client) Count(ctx context.Context, e metering.Event) error {
	_, err := c.events.New(&stripe.BillingMeterEventParams{
		Params: with(ctx, ""), EventName: stripe.String(e.Meter), Identifier: stripe.String(e.Identifier), Timestamp: stripe.Int64(e.Hour.Unix()),
		Payload: map[string]string{"stripe_customer_id": e.Customer, "value": strconv.FormatInt(e.Amount, 10)},
	})
	var refused *stripe.Error
	if errors.As(err, &refused) && refused.HTTPStatusCode == http.StatusBadRequest && strings.Contains(refused.Msg, e.Identifier) && strings.Contains(refused.Msg, "already exists") {
		return nil
	}
	return explain("count usage", err)
}
