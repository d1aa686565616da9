/** Operations: what was billed by month and currency, and the invoices of all organisations. */
import { useState } from "react";
import { useAllInvoices, useRevenue, type TenantInvoice } from "../../api/billing";
import { explain } from "../../api/errors";
import { InvoiceStatus } from "../../api/invoice";
import { formatMoney } from "../../format/money";
import { formatCount } from "../../format/number";
import { millis } from "../../format/time";
import { Panel } from "../../ui/Panel";
import { Segmented } from "../../ui/Segmented";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { InvoiceBadge } from "../bill/InvoiceBadge";
import { dateName, monthName } from "../bill/span";

export default function RevenuePage() {
  return (
    <>
      <ByMonth />
      <Invoices />
    </>
  );
}

function ByMonth() {
  const { data, error, refetch } = useRevenue();
  return (
    <Panel title="Revenue" note="What was billed by UTC month and currency, the last 24 months; currencies are never added up." flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data?.revenue.length === 0 && (
        <Empty icon="bill" title="Nothing was billed yet" compact>
          The first invoices are made in the days after a month ends.
        </Empty>
      )}
      {data && data.revenue.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Month</th>
              {["Invoices", "Before tax", "Billed", "Paid", "Open", "Past due", "Given up", "Credited"].map((heading) => (
                <th key={heading} scope="col" className={table.number}>
                  {heading}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {data.revenue.map((r) => {
              const figures: ReadonlyArray<readonly [label: string, minor: bigint]> = [
                ["Before tax", r.subtotalMinor],
                ["Billed", r.totalMinor],
                ["Paid", r.paidMinor],
                ["Open", r.openMinor],
                ["Past due", r.pastDueMinor],
                ["Given up", r.uncollectibleMinor + r.voidMinor],
                ["Credited", r.creditedMinor],
              ];
              return (
                <tr key={`${r.month?.seconds} ${r.currency}`}>
                  <td data-lead className={table.nowrap}>
                    {monthName(millis(r.month) ?? 0)} <span className={table.muted}>{r.currency}</span>
                  </td>
                  <td data-label="Invoices" className={table.number}>
                    {formatCount(r.invoices)}
                  </td>
                  {figures.map(([label, minor]) => (
                    <td key={label} data-label={label} className={table.number}>
                      {formatMoney(minor, r.currency, r.currencyDigits)}
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Invoices() {
  const [which, setWhich] = useState<"all" | "due">("all");
  const { data, error, refetch } = useAllInvoices(which === "due" ? InvoiceStatus.PAST_DUE : InvoiceStatus.UNSPECIFIED);
  return (
    <Panel
      title="Invoices"
      note="Of all organisations, the newest 200."
      actions={
        <Segmented
          label="Which"
          value={which}
          onChange={setWhich}
          choices={[
            { value: "all", label: "All" },
            { value: "due", label: "Past due" },
          ]}
        />
      }
      flush
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data?.invoices.length === 0 && <Empty icon="check" title={which === "due" ? "None is past due" : "There is none yet"} compact />}
      {data && data.invoices.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Organisation</th>
              <th scope="col">Number</th>
              <th scope="col">Month</th>
              <th scope="col">State</th>
              <th scope="col">Due</th>
              <th scope="col" className={table.number}>
                Amount
              </th>
              <th scope="col" className={table.number}>
                Still to pay
              </th>
            </tr>
          </thead>
          <tbody>
            {data.invoices.map((row) => (
              <Row key={row.invoice?.invoiceId} row={row} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Row({ row: { tenantId, invoice } }: { row: TenantInvoice }) {
  const bill = invoice?.bill;
  if (!bill) return null;
  return (
    <tr>
      <td data-lead>
        {invoice.tenantName} <code>{tenantId}</code>
      </td>
      <td data-label="Number" className={table.nowrap}>
        {invoice.number}
      </td>
      <td data-label="Month" className={table.nowrap}>
        {monthName(millis(bill.start) ?? 0)}
      </td>
      <td data-label="State">
        <InvoiceBadge status={invoice.status} />
      </td>
      <td data-label="Due" className={table.nowrap}>
        {dateName(millis(invoice.dueAt))}
      </td>
      <td data-label="Amount" className={table.number}>
        {formatMoney(bill.totalMinor, bill.currency, bill.currencyDigits)}
      </td>
      <td data-label="Still to pay" className={table.number}>
        {formatMoney(invoice.dueMinor, bill.currency, bill.currencyDigits)}
      </td>
    </tr>
  );
}
