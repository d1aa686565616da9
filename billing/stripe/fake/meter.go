package fake

import (
	"strconv"
	"time"
)

func (s *Server) createMeter(c call) (object, *failure) {
	if f := unknown(c.form, "display_name", "event_name", "default_aggregation", "customer_mapping", "value_settings"); f != nil {
		return nil, f
	}
	name := c.form.text("event_name")
	if name == "" || c.form.text("display_name") == "" {
		return nil, invalid("event_name", "Missing required param: event_name.")
	}
	for _, o := range s.objects {
		if o.text("object") == "billing.meter" && o.text("event_name") == name {
			return nil, invalid("event_name", "An active meter already exists with event_name: %s", name)
		}
	}
	return s.put("mtr", "billing.meter", object{"event_name": name, "display_name": c.form.text("display_name"), "status": "active"}), nil
}

func (s *Server) listMeters(c call) (object, *failure) {
	return s.list(c, "/v1/billing/meters", "billing.meter", func(object) bool { return true })
}

// createMeterEvent counts an event once by its identifier within a day; a second one is an error of Stripe's.
func (s *Server) createMeterEvent(c call) (object, *failure) {
	if f := unknown(c.form, "event_name", "identifier", "payload", "timestamp"); f != nil {
		return nil, f
	}
	if c.form.text("event_name") == "" {
		return nil, invalid("event_name", "Missing required param: event_name.")
	}
	payload := c.form.inner("payload")
	customer := payload.text("stripe_customer_id")
	if _, f := s.find("customer", customer); f != nil {
		return nil, f
	}
	value, err := strconv.ParseInt(payload.text("value"), 10, 64)
	if err != nil || value < 0 {
		return nil, invalid("payload[value]", "The value must be a whole number from 0 on.")
	}
	at := time.Unix(c.form.integer("timestamp", s.now().Unix()), 0)
	if age := s.now().Sub(at); age > 35*24*time.Hour || age < -5*time.Minute {
		return nil, invalid("timestamp", "The timestamp must be within the past 35 days or up to 5 minutes in the future.")
	}
	identifier := c.form.text("identifier")
	if seen, ok := s.seen[identifier]; ok && s.now().Sub(seen) < 24*time.Hour {
		return nil, invalid("identifier", "An event already exists with identifier %s.", identifier)
	}
	s.seen[identifier] = s.now()
	s.meters[customer+"/"+c.form.text("event_name")] += value
	return object{"object": "billing.meter_event", "event_name": c.form.text("event_name"), "identifier": identifier, "created": s.now().Unix(), "livemode": false, "timestamp": at.Unix(), "payload": payload}, nil
}
