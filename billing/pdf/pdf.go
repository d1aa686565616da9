// Package pdf draws invoices. rpc imports it. It is this module's only home of fpdf and of the fonts.
package pdf

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"

	"github.com/millwright-io/millwright/billing/invoice"
	"github.com/millwright-io/millwright/billing/rating"
)

const (
	font       = "go"
	margin     = 18.0 // mm, as all lengths
	width      = 210.0 - 2*margin
	lineHeight = 5.0
	// Columns of the table: what, quantity, included, price, amount.
	whatWidth, quantityWidth, includedWidth, priceWidth, amountWidth = 64.0, 32.0, 28.0, 26.0, 24.0
	// longestCell is how many characters of a text are drawn in the first column.
	longestCell = 44
)

// Invoice draws an invoice on A4. The same invoice makes the same bytes.
func Invoice(i invoice.Invoice) ([]byte, error) {
	p := fpdf.New("P", "mm", "A4", "")
	p.AddUTF8FontFromBytes(font, "", goregular.TTF)
	p.AddUTF8FontFromBytes(font, "B", gobold.TTF)
	p.SetCreationDate(i.IssuedAt)
	p.SetModificationDate(i.IssuedAt)
	p.SetCatalogSort(true)
	p.SetTitle("Invoice "+i.Number, true)
	p.SetAuthor("Millwright", true)
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(true, margin+4)
	p.AliasNbPages("{pages}")
	p.SetFooterFunc(func() {
		p.SetY(-margin)
		text(p, "", 7, 120)
		p.CellFormat(width/2, lineHeight, "Invoice "+i.Number+" · sha256 "+fmt.Sprintf("%x", i.SHA256[:8]), "", 0, "L", false, 0, "")
		p.CellFormat(width/2, lineHeight, "page "+strconv.Itoa(p.PageNo())+" of {pages}", "", 0, "R", false, 0, "")
	})
	p.AddPage()
	head(p, i)
	table(p, i)
	sums(p, i)
	notes(p, i)
	var b bytes.Buffer
	if err := p.Output(&b); err != nil {
		return nil, fmt.Errorf("draw invoice %s: %w", i.Number, err)
	}
	return b.Bytes(), nil
}

// text sets the font: style, points and how grey.
func text(p *fpdf.Fpdf, style string, size float64, grey int) {
	p.SetFont(font, style, size)
	p.SetTextColor(grey, grey, grey)
}

func head(p *fpdf.Fpdf, i invoice.Invoice) {
	text(p, "B", 20, 20)
	p.CellFormat(width/2, 10, "Millwright", "", 0, "L", false, 0, "")
	p.CellFormat(width/2, 10, "Invoice", "", 1, "R", false, 0, "")
	p.Ln(6)
	for _, row := range [][4]string{
		{"Issued to", i.TenantName, "Number", i.Number},
		{"Organisation", string(i.Tenant), "Issued", day(i.IssuedAt)},
		{"Period", day(i.Period.Start) + " to " + day(i.Period.End.Add(-time.Second)) + " (UTC)", "Payable until", day(i.DueAt)},
		{"Price book", i.Book, "Status", strings.ReplaceAll(string(i.Status), "_", " ")},
	} {
		text(p, "", 8, 120)
		p.CellFormat(24, lineHeight, row[0], "", 0, "L", false, 0, "")
		text(p, "", 9, 20)
		p.CellFormat(width-24-64, lineHeight, clip(row[1], 60), "", 0, "L", false, 0, "")
		text(p, "", 8, 120)
		p.CellFormat(24, lineHeight, row[2], "", 0, "L", false, 0, "")
		text(p, "B", 9, 20)
		p.CellFormat(40, lineHeight, row[3], "", 1, "R", false, 0, "")
	}
	p.Ln(8)
}

func table(p *fpdf.Fpdf, i invoice.Invoice) {
	columns := []struct {
		width        float64
		title, align string
	}{
		{whatWidth, "Item", "L"},
		{quantityWidth, "Quantity", "R"},
		{includedWidth, "Included", "R"},
		{priceWidth, "Price", "R"},
		{amountWidth, string(i.Currency), "R"},
	}
	text(p, "B", 8, 90)
	for _, c := range columns {
		p.CellFormat(c.width, lineHeight+1, c.title, "B", 0, c.align, false, 0, "")
	}
	p.Ln(-1)
	for _, l := range i.Lines {
		text(p, "", 8, 20)
		p.CellFormat(whatWidth, lineHeight, clip(What(l), longestCell), "", 0, "L", false, 0, "")
		quantity, included := "", ""
		if l.Kind == rating.KindUsage {
			quantity, included = grouped(l.Quantity), grouped(l.Included)
		}
		p.CellFormat(quantityWidth, lineHeight, quantity, "", 0, "R", false, 0, "")
		p.CellFormat(includedWidth, lineHeight, included, "", 0, "R", false, 0, "")
		p.CellFormat(priceWidth, lineHeight, "", "", 0, "R", false, 0, "")
		p.CellFormat(amountWidth, lineHeight, l.Amount.Text(i.Currency), "", 1, "R", false, 0, "")
		under(p, i, l)
	}
}

// under are the small print of a line: its span, and what of it had which price.
func under(p *fpdf.Fpdf, i invoice.Invoice, l invoice.Line) {
	text(p, "", 7, 120)
	if !l.From.IsZero() && (!l.From.Equal(i.Period.Start) || !l.To.Equal(i.Period.End)) {
		p.CellFormat(width, 3.6, "  "+hour(l.From)+" to "+hour(l.To), "", 1, "L", false, 0, "")
	}
	for _, part := range l.Parts {
		price := part.Price.String() + " per " + grouped(part.Per)
		if !part.Flat.IsZero() {
			price += " + " + part.Flat.String()
		}
		p.CellFormat(whatWidth, 3.6, "", "", 0, "L", false, 0, "")
		p.CellFormat(quantityWidth, 3.6, grouped(part.Quantity), "", 0, "R", false, 0, "")
		p.CellFormat(includedWidth+priceWidth, 3.6, price, "", 1, "R", false, 0, "")
	}
}

// What says in words what a line is.
func What(l invoice.Line) string {
	var name string
	switch l.Kind {
	case rating.KindFlat:
		name = "Plan " + l.Plan
	case rating.KindUsage:
		name = strings.ReplaceAll(string(l.Meter), "_", " ") + ", plan " + l.Plan
	case rating.KindMinimum:
		name = "Up to the minimum of plan " + l.Plan
	case rating.KindMaximum:
		name = "Above the maximum of plan " + l.Plan
	case rating.KindDiscount:
		name = "Discount by contract"
	case rating.KindCoupon:
		name = "Coupon " + l.Reference
	case rating.KindAdjustment:
		name = "Correction: " + l.Reason
	case rating.KindTax:
		name = "Tax"
	case rating.KindCredit:
		name = "Prepaid credit"
	}
	if l.Trial {
		name += " (trial)"
	}
	return name
}

func sums(p *fpdf.Fpdf, i invoice.Invoice) {
	p.Ln(2)
	row := func(style, name, amount string) {
		text(p, style, 9, 20)
		p.CellFormat(width-amountWidth-8, lineHeight+0.6, name, "", 0, "R", false, 0, "")
		p.CellFormat(amountWidth+8, lineHeight+0.6, amount, "", 1, "R", false, 0, "")
	}
	p.Line(margin+width/2, p.GetY(), margin+width, p.GetY())
	row("", "Fees and usage after discounts", i.Subtotal.In(i.Currency))
	if i.Tax != 0 {
		row("", "Tax", i.Tax.In(i.Currency))
	}
	row("B", "Total", i.Total.In(i.Currency))
	if due := i.Due(); due != i.Total {
		row("B", "Still to be paid", due.In(i.Currency))
	}
	if i.Carried != 0 {
		row("", "Carried to the next invoice", i.Carried.In(i.Currency))
	}
}

func notes(p *fpdf.Fpdf, i invoice.Invoice) {
	p.Ln(6)
	text(p, "", 8, 90)
	for _, n := range i.Notes {
		p.MultiCell(width, 4, "Credit note "+n.Number+" of "+day(n.IssuedAt)+": "+n.Amount.In(i.Currency)+", "+n.Reason, "", "L", false)
	}
	for n, l := range i.Lines {
		if l.HasSnapshot() {
			p.MultiCell(width, 4, fmt.Sprintf("Line %d was rated from the usage snapshot %x.", n+1, l.Snapshot), "", "L", false)
		}
	}
}

// clip keeps a text within a number of characters.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

// grouped writes thousands apart.
func grouped(n uint64) string {
	digits := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(d)
	}
	return b.String()
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func hour(t time.Time) string { return t.UTC().Format("2 Jan 15:04") }
