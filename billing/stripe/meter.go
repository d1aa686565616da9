package stripe

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v76"
)

// Usage is what is told to one of Stripe's meters. All of it is recorded before it is sent, so that a repetition is the same event.
type Usage struct {
	Meter, Customer, Identifier string
	Amount                      int64
	At                          time.Time
}

// EnsureMeters makes the meters (title by name) that are not there. They sum what they are told, by customer.
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

// Count tells a meter of usage. An identifier that it knows already is a success: the same was counted before.
func (c *Client) Count(ctx context.Context, u Usage) error {
	_, err := c.events.New(&stripe.BillingMeterEventParams{
		Params: with(ctx, ""), EventName: stripe.String(u.Meter), Identifier: stripe.String(u.Identifier), Timestamp: stripe.Int64(u.At.Unix()),
		Payload: map[string]string{"stripe_customer_id": u.Customer, "value": strconv.FormatInt(u.Amount, 10)},
	})
	var e *stripe.Error
	if errors.As(err, &e) && e.HTTPStatusCode == 400 && strings.Contains(e.Msg, u.Identifier) && strings.Contains(e.Msg, "already exists") {
		return nil
	}
	return explain("count usage", err)
}
