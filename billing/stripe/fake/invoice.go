package fake

import (
	"net/http"
	"slices"
	"time"
)

func (s *Server) createInvoice(c call) (object, *failure) {
	if f := unknown(c.form, "customer", "currency", "auto_advance", "collection_method", "pending_invoice_items_behavior", "description", "metadata"); f != nil {
		return nil, f
	}
	if _, f := s.find("customer", c.form.text("customer")); f != nil {
		return nil, f
	}
	if c.form.text("currency") == "" {
		return nil, invalid("currency", "Missing required param: currency.")
	}
	return s.put("in", "invoice", object{
		"customer": c.form.text("customer"), "currency": c.form.text("currency"), "auto_advance": c.form.text("auto_advance") == "true", "collection_method": c.form.text("collection_method"),
		"description": c.form.text("description"), "metadata": c.form.metadata(), "status": "draft", "total": int64(0), "amount_due": int64(0), "amount_paid": int64(0),
		"attempted": false, "attempt_count": int64(0), "paid": false, "payment_intent": nil, "charge": nil, "next_payment_attempt": nil,
		"status_transitions": object{"finalized_at": nil, "paid_at": nil, "voided_at": nil},
	}), nil
}

func (s *Server) listInvoices(c call) (object, *failure) {
	return s.list(c, "/v1/invoices", "invoice", func(o object) bool {
		return (!c.form.has("customer") || o.text("customer") == c.form.text("customer")) && (!c.form.has("status") || o.text("status") == c.form.text("status"))
	})
}

func (s *Server) getInvoice(c call) (object, *failure) { return s.find("invoice", c.id) }

func (s *Server) createItem(c call) (object, *failure) {
	if f := unknown(c.form, "customer", "invoice", "amount", "currency", "description", "metadata"); f != nil {
		return nil, f
	}
	in, f := s.find("invoice", c.form.text("invoice"))
	if f != nil {
		return nil, f
	}
	switch {
	case in.text("status") != "draft":
		return nil, invalid("invoice", "This invoice is no longer editable.")
	case in.text("customer") != c.form.text("customer"):
		return nil, invalid("customer", "The invoice is of another customer.")
	case in.text("currency") != c.form.text("currency"):
		return nil, invalid("currency", "The invoice is in another currency.")
	}
	amount := c.form.integer("amount", 0)
	in["total"] = in.number("total") + amount
	in["amount_due"] = max(in.number("total"), 0)
	item := s.put("ii", "invoiceitem", object{
		"customer": c.form.text("customer"), "invoice": c.form.text("invoice"), "amount": amount, "currency": c.form.text("currency"), "description": c.form.text("description"),
		"metadata": c.form.metadata(), "date": s.now().Unix(),
	})
	delete(item, "created")
	return item, nil
}

func (s *Server) listItems(c call) (object, *failure) {
	return s.list(c, "/v1/invoiceitems", "invoiceitem", func(o object) bool { return !c.form.has("invoice") || o.text("invoice") == c.form.text("invoice") })
}

func (s *Server) finalizeInvoice(c call) (object, *failure) {
	if f := unknown(c.form, "auto_advance"); f != nil {
		return nil, f
	}
	in, f := s.find("invoice", c.id)
	if f != nil {
		return nil, f
	}
	if in.text("status") != "draft" {
		return nil, invalid("", "This invoice is already finalized, you can't re-finalize a non-draft invoice.")
	}
	in["status"], in["auto_advance"] = "open", c.form.text("auto_advance") == "true"
	in["status_transitions"] = object{"finalized_at": s.now().Unix(), "paid_at": nil, "voided_at": nil}
	in["payment_intent"] = s.put("pi", "payment_intent", object{"customer": in.text("customer"), "amount": in.number("total"), "currency": in.text("currency"), "status": "requires_payment_method", "last_payment_error": nil}).text("id")
	s.tell("invoice.finalized", in)
	if in["auto_advance"] == true {
		s.charge(in)
	}
	return in, nil
}

func (s *Server) payInvoice(c call) (object, *failure) {
	if f := unknown(c.form, "payment_method"); f != nil {
		return nil, f
	}
	in, f := s.find("invoice", c.id)
	if f != nil {
		return nil, f
	}
	if in.text("status") != "open" {
		return nil, invalid("", "Invoice is already %s", in.text("status"))
	}
	if s.charge(in); in.text("status") != "paid" {
		return nil, &failure{status: http.StatusPaymentRequired, kind: "card_error", code: "card_declined", message: "Your card was declined."}
	}
	return in, nil
}

func (s *Server) voidInvoice(c call) (object, *failure) {
	in, f := s.find("invoice", c.id)
	if f != nil {
		return nil, f
	}
	if in.text("status") != "open" {
		return nil, invalid("", "You can only pass in open invoices. This invoice isn't open.")
	}
	in["status"], in["next_payment_attempt"] = "void", nil
	s.tell("invoice.voided", in)
	return in, nil
}

// deleteInvoice takes a draft away, with its items.
func (s *Server) deleteInvoice(c call) (object, *failure) {
	in, f := s.find("invoice", c.id)
	if f != nil {
		return nil, f
	}
	if in.text("status") != "draft" {
		return nil, invalid("", "You can only delete draft invoices.")
	}
	delete(s.objects, c.id)
	s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == c.id || s.objects[id].text("invoice") == c.id })
	return object{"id": c.id, "object": "invoice", "deleted": true}, nil
}

func (s *Server) listCharges(c call) (object, *failure) {
	return s.list(c, "/v1/charges", "charge", func(o object) bool { return !c.form.has("customer") || o.text("customer") == c.form.text("customer") })
}

// retries are when a failed payment is tried again.
var retries = []time.Duration{24 * time.Hour, 3 * 24 * time.Hour, 5 * 24 * time.Hour}

// charge charges the customer's card for an invoice that is open.
func (s *Server) charge(in object) {
	customer := s.objects[in.text("customer")]
	intent := s.objects[in.text("payment_intent")]
	settings, _ := customer["invoice_settings"].(object)
	method := settings.text("default_payment_method")
	in["attempted"], in["attempt_count"] = true, in.number("attempt_count")+1
	refused := ""
	if method == "" {
		refused = "There is no default payment method set on this Customer."
	} else if s.decline[customer.text("id")] > 0 {
		s.decline[customer.text("id")]--
		refused = "Your card was declined."
	}
	if method != "" {
		o := s.put("ch", "charge", object{
			"customer": customer.text("id"), "invoice": in.text("id"), "amount": in.number("total"), "currency": in.text("currency"), "paid": refused == "", "status": "succeeded", "payment_intent": intent.text("id"),
		})
		if refused != "" {
			o["status"], o["failure_message"] = "failed", refused
		}
		in["charge"] = o.text("id")
	}
	if refused != "" {
		intent["last_payment_error"] = object{"type": "card_error", "code": "card_declined", "message": refused}
		in["next_payment_attempt"] = nil
		if n := in.number("attempt_count"); n <= int64(len(retries)) {
			in["next_payment_attempt"] = s.now().Add(retries[n-1]).Unix()
		}
		s.tell("invoice.payment_failed", in)
		return
	}
	intent["status"], intent["last_payment_error"] = "succeeded", nil
	in["status"], in["paid"], in["amount_paid"], in["next_payment_attempt"] = "paid", true, in.number("total"), nil
	transitions, _ := in["status_transitions"].(object)
	in["status_transitions"] = object{"finalized_at": transitions["finalized_at"], "paid_at": s.now().Unix(), "voided_at": nil}
	s.tell("invoice.paid", in)
	s.tell("invoice.payment_succeeded", in)
}

// retryDue tries again what is due at this time.
func (s *Server) retryDue() {
	for _, id := range s.order {
		in := s.objects[id]
		if in.text("object") != "invoice" || in.text("status") != "open" {
			continue
		}
		if at := in.number("next_payment_attempt"); at > 0 && at <= s.now().Unix() {
			s.charge(in)
		}
	}
}
