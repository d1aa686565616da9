package fake

import "strings"

func (s *Server) createCustomer(c call) (object, *failure) {
	if f := unknown(c.form, "name", "email", "metadata", "description"); f != nil {
		return nil, f
	}
	return s.put("cus", "customer", object{
		"name": c.form.text("name"), "email": nil, "metadata": c.form.metadata(), "balance": int64(0), "currency": nil,
		"invoice_settings": object{"default_payment_method": nil, "custom_fields": nil, "footer": nil},
	}), nil
}

func (s *Server) getCustomer(c call) (object, *failure) { return s.find("customer", c.id) }

func (s *Server) updateCustomer(c call) (object, *failure) {
	if f := unknown(c.form, "name", "metadata", "invoice_settings"); f != nil {
		return nil, f
	}
	o, f := s.find("customer", c.id)
	if f != nil {
		return nil, f
	}
	if method := c.form.inner("invoice_settings").text("default_payment_method"); method != "" {
		m, f := s.find("payment_method", method)
		if f != nil {
			return nil, f
		}
		if m.text("customer") != c.id {
			return nil, invalid("invoice_settings[default_payment_method]", "The customer does not have a payment method with the ID %s", method)
		}
		o["invoice_settings"] = object{"default_payment_method": method, "custom_fields": nil, "footer": nil}
	}
	s.tell("customer.updated", o)
	return o, nil
}

// searchCustomers knows the one form of query that is asked: metadata['name']:'value'.
func (s *Server) searchCustomers(c call) (object, *failure) {
	name, value, ok := strings.Cut(strings.TrimPrefix(c.form.text("query"), "metadata['"), "']:'")
	if !ok {
		return nil, invalid("query", "We were unable to parse your search query.")
	}
	value = strings.TrimSuffix(value, "'")
	list, f := s.list(c, "/v1/customers/search", "customer", func(o object) bool {
		m, _ := o["metadata"].(object)
		return m[name] == value
	})
	if f != nil {
		return nil, f
	}
	list["object"] = "search_result"
	return list, nil
}

func (s *Server) listMethods(c call) (object, *failure) {
	return s.list(c, "/v1/payment_methods", "payment_method", func(o object) bool {
		return o.text("customer") == c.form.text("customer") && (!c.form.has("type") || o.text("type") == c.form.text("type"))
	})
}

// find returns an object of a kind by its id.
func (s *Server) find(kind, id string) (object, *failure) {
	if o := s.objects[id]; o != nil && o.text("object") == kind {
		return o, nil
	}
	return nil, gone(kind, id)
}

func (s *Server) createCheckout(c call) (object, *failure) {
	if f := unknown(c.form, "mode", "customer", "payment_method_types", "success_url", "cancel_url", "metadata"); f != nil {
		return nil, f
	}
	if c.form.text("mode") != "setup" {
		return nil, invalid("mode", "only setup is known here")
	}
	if _, f := s.find("customer", c.form.text("customer")); f != nil {
		return nil, f
	}
	o := s.put("cs", "checkout.session", object{
		"mode": "setup", "customer": c.form.text("customer"), "status": "open", "success_url": c.form.text("success_url"), "metadata": c.form.metadata(), "payment_status": "no_payment_required",
	})
	o["url"] = "https://checkout.stripe.invalid/" + o.text("id")
	return o, nil
}

func (s *Server) createPortal(c call) (object, *failure) {
	if f := unknown(c.form, "customer", "return_url"); f != nil {
		return nil, f
	}
	if _, f := s.find("customer", c.form.text("customer")); f != nil {
		return nil, f
	}
	o := s.put("bps", "billing_portal.session", object{"customer": c.form.text("customer"), "return_url": c.form.text("return_url")})
	o["url"] = "https://billing.stripe.invalid/" + o.text("id")
	return o, nil
}

// enterCard is what a person does at the page of a checkout.
func (s *Server) enterCard(customer, last4 string) (object, *failure) {
	if _, f := s.find("customer", customer); f != nil {
		return nil, f
	}
	m := s.put("pm", "payment_method", object{
		"type": "card", "customer": customer, "card": object{"brand": "visa", "last4": last4, "exp_month": int64(12), "exp_year": int64(s.now().Year() + 2)},
	})
	s.tell("payment_method.attached", m)
	for i := len(s.order) - 1; i >= 0; i-- {
		if o := s.objects[s.order[i]]; o.text("object") == "checkout.session" && o.text("customer") == customer && o.text("status") == "open" {
			o["status"] = "complete"
			s.tell("checkout.session.completed", o)
			break
		}
	}
	return m, nil
}
