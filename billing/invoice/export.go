package invoice

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/millwright-io/millwright/billing/money"
	"github.com/millwright-io/millwright/billing/rating"
)

// CSV writes an invoice as a table, a row a line, with amounts in major units.
func CSV(i Invoice) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{{
		"invoice", "issued", "due", "status", "period_start", "period_end", "currency", "position", "kind", "plan", "meter", "from", "to",
		"quantity", "included", "reference", "reason", "trial", "amount", "snapshot_sha256",
	}}
	for n, l := range i.Lines {
		snapshot := ""
		if l.HasSnapshot() {
			snapshot = hex.EncodeToString(l.Snapshot[:])
		}
		rows = append(rows, []string{
			i.Number, stamp(i.IssuedAt), stamp(i.DueAt), string(i.Status), stamp(i.Period.Start), stamp(i.Period.End), string(i.Currency),
			strconv.Itoa(n + 1), string(l.Kind), plainCell(l.Plan), string(l.Meter), stamp(l.From), stamp(l.To), strconv.FormatUint(l.Quantity, 10),
			strconv.FormatUint(l.Included, 10), plainCell(l.Reference), plainCell(l.Reason), strconv.FormatBool(l.Trial), l.Amount.Text(i.Currency), snapshot,
		})
	}
	if err := w.WriteAll(rows); err != nil {
		return nil, fmt.Errorf("write invoice %s as CSV: %w", i.Number, err)
	}
	return b.Bytes(), nil
}

// plainCell keeps a spreadsheet from taking a text for a formula.
func plainCell(text string) string {
	if text != "" && bytes.ContainsRune([]byte("=+-@\t\r"), rune(text[0])) {
		return "'" + text
	}
	return text
}

type jsonInvoice struct {
	Number     string        `json:"number"`
	ID         string        `json:"invoice_id"`
	Tenant     string        `json:"tenant_id"`
	TenantName string        `json:"tenant_name"`
	Status     Status        `json:"status"`
	Period     rating.Period `json:"period"`
	Final      bool          `json:"final"`
	IssuedAt   string        `json:"issued_at"`
	DueAt      string        `json:"due_at"`
	Book       string        `json:"price_book"`
	Currency   string        `json:"currency"`
	Digits     uint32        `json:"currency_digits"`
	Subtotal   money.Amount  `json:"subtotal_minor"`
	Tax        money.Amount  `json:"tax_minor"`
	Total      money.Amount  `json:"total_minor"`
	Carried    money.Amount  `json:"carried_minor"`
	Due        money.Amount  `json:"due_minor"`
	SHA256     string        `json:"sha256"`
	Lines      []jsonLine    `json:"lines"`
	Terms      Terms         `json:"terms"`
}

type jsonLine struct {
	Position  int           `json:"position"`
	Kind      rating.Kind   `json:"kind"`
	From      string        `json:"from,omitempty"`
	To        string        `json:"to,omitempty"`
	Plan      string        `json:"plan,omitempty"`
	Meter     string        `json:"meter,omitempty"`
	Quantity  uint64        `json:"quantity"`
	Included  uint64        `json:"included"`
	Parts     []rating.Part `json:"parts,omitempty"`
	Reference string        `json:"reference,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Trial     bool          `json:"trial,omitempty"`
	Amount    money.Amount  `json:"amount_minor"`
	Snapshot  string        `json:"snapshot_sha256,omitempty"`
}

// JSON writes an invoice with all that it follows from.
func JSON(i Invoice) ([]byte, error) {
	out := jsonInvoice{
		Number: i.Number, ID: i.ID, Tenant: string(i.Tenant), TenantName: i.TenantName, Status: i.Status, Period: i.Period, Final: i.Final,
		IssuedAt: stamp(i.IssuedAt), DueAt: stamp(i.DueAt), Book: i.Book, Currency: string(i.Currency), Digits: i.Currency.Digits(),
		Subtotal: i.Subtotal, Tax: i.Tax, Total: i.Total, Carried: i.Carried, Due: i.Due(), SHA256: hex.EncodeToString(i.SHA256[:]),
		Lines: []jsonLine{}, Terms: i.Terms,
	}
	for n, l := range i.Lines {
		line := jsonLine{
			Position: n + 1, Kind: l.Kind, Plan: l.Plan, Meter: string(l.Meter), Quantity: l.Quantity, Included: l.Included, Parts: l.Parts,
			Reference: l.Reference, Reason: l.Reason, Trial: l.Trial, Amount: l.Amount,
		}
		if !l.From.IsZero() {
			line.From, line.To = stamp(l.From), stamp(l.To)
		}
		if l.HasSnapshot() {
			line.Snapshot = hex.EncodeToString(l.Snapshot[:])
		}
		out.Lines = append(out.Lines, line)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write invoice %s as JSON: %w", i.Number, err)
	}
	return append(text, '\n'), nil
}
