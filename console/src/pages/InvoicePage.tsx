/** An invoice: its lines and what they were made of, how it was paid, and what proves it. */
import { useState } from "react";
import { Link, useParams } from "react-router";
import { explain } from "../api/errors";
import { LineKind, useInvoice, type Invoice, type Line } from "../api/invoice";
import { formatMoney } from "../format/money";
import { millis } from "../format/time";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Panel } from "../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import { BillLines, nameOf } from "./bill/BillLines";
import { ExportButtons } from "./bill/ExportButtons";
import { InvoiceBadge } from "./bill/InvoiceBadge";
import { InvoicePayments } from "./bill/InvoicePayments";
import { LineUsage } from "./bill/LineUsage";
import { Proof } from "./bill/Proof";
import { dateName, monthName } from "./bill/span";
import styles from "./bill/Bill.module.css";

export default function InvoicePage() {
  const { invoice: id = "" } = useParams();
  useTitle(`Invoice ${id}`);
  const { data, error, refetch } = useInvoice(id);
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  const invoice = data?.invoice;
  if (!invoice?.bill) {
    return (
      <Panel>
        <SkeletonRows rows={6} />
      </Panel>
    );
  }
  return <Sheet invoice={invoice} />;
}

function Sheet({ invoice }: { invoice: Invoice }) {
  const [open, setOpen] = useState<number>();
  const { bill } = invoice;
  if (!bill) return null;
  const line = bill.lines.find((l) => l.position === open);
  const name = (l: Line) =>
    l.kind === LineKind.USAGE && l.position > 0 ? (
      <button type="button" className={styles.line} aria-expanded={open === l.position} aria-controls="line-usage" onClick={() => setOpen(open === l.position ? undefined : l.position)}>
        {nameOf(l)}
      </button>
    ) : (
      nameOf(l)
    );
  return (
    <>
      <Panel title={`Invoice ${invoice.number}`} note={`${invoice.tenantName}, ${monthName(millis(bill.start) ?? 0)}${invoice.final ? ", the last one" : ""}`} actions={<ExportButtons invoice={invoice} />}>
        <dl className={styles.facts}>
          <div>
            <dt>Amount</dt>
            <dd>{formatMoney(bill.totalMinor, bill.currency, bill.currencyDigits)}</dd>
          </div>
          <div>
            <dt>Still to pay</dt>
            <dd>{formatMoney(invoice.dueMinor, bill.currency, bill.currencyDigits)}</dd>
          </div>
          <div>
            <dt>State</dt>
            <dd>
              <InvoiceBadge status={invoice.status} />
            </dd>
          </div>
          <div>
            <dt>Issued</dt>
            <dd>{dateName(millis(invoice.issuedAt))}</dd>
          </div>
          <div>
            <dt>Due</dt>
            <dd>{dateName(millis(invoice.dueAt))}</dd>
          </div>
        </dl>
      </Panel>
      <Panel title="Lines" note={`Prices of the book ${invoice.priceBook}. Open a line of usage to see the days and hours that it was made of.`} flush>
        <BillLines bill={bill} name={name} />
      </Panel>
      <div id="line-usage">{line && <LineUsage key={line.position} invoice={invoice.invoiceId} line={line} onClose={() => setOpen(undefined)} />}</div>
      <InvoicePayments invoice={invoice} />
      <CreditNotes invoice={invoice} />
      <Proof invoice={invoice} />
      <p>
        <Link to={paths.invoices()}>All invoices</Link>
      </p>
    </>
  );
}

function CreditNotes({ invoice }: { invoice: Invoice }) {
  const { bill } = invoice;
  if (!bill || (invoice.creditNotes.length === 0 && invoice.carriedMinor === 0n)) return null;
  return (
    <Panel title="Credit notes" note={invoice.carriedMinor < 0n ? `${formatMoney(-invoice.carriedMinor, bill.currency, bill.currencyDigits)} in your favour are carried to the next invoice.` : undefined} flush>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Number</th>
            <th scope="col">Issued</th>
            <th scope="col">Reason</th>
            <th scope="col" className={table.number}>
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {invoice.creditNotes.map((note) => (
            <tr key={note.number}>
              <td data-lead>{note.number}</td>
              <td data-label="Issued">{dateName(millis(note.issuedAt))}</td>
              <td data-label="Reason" className={table.wrap}>
                {note.reason}
              </td>
              <td data-label="Amount" className={table.number}>
                {formatMoney(note.amountMinor, bill.currency, bill.currencyDigits)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}
