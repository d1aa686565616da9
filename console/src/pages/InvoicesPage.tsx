/** Invoices: one for each month that has ended. */
import { Link } from "react-router";
import { explain } from "../api/errors";
import { useInvoices } from "../api/invoice";
import { formatMoney } from "../format/money";
import { millis } from "../format/time";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import { InvoiceBadge } from "./bill/InvoiceBadge";
import { dateName, monthName } from "./bill/span";
import styles from "./bill/Bill.module.css";

export default function InvoicesPage() {
  useTitle("Invoices");
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInvoices();
  const invoices = data?.pages.flatMap((page) => page.invoices);
  return (
    <Panel title="Invoices" note="An invoice is made when a UTC month has ended and late usage has come in. It never changes." flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!invoices && !error && <SkeletonRows rows={4} />}
      {invoices?.length === 0 && (
        <Empty icon="bill" title="No invoice yet">
          The first one is made in the days after this month ends. <Link to={paths.bill()}>See the month so far</Link>
        </Empty>
      )}
      {invoices && invoices.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Month</th>
              <th scope="col">Number</th>
              <th scope="col">State</th>
              <th scope="col">Issued</th>
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
            {invoices.map(
              (invoice) =>
                invoice.bill && (
                  <tr key={invoice.invoiceId}>
                    <td data-lead>
                      <Link to={paths.invoice({ invoice: invoice.number })}>{monthName(millis(invoice.bill.start) ?? 0)}</Link>
                    </td>
                    <td data-label="Number">{invoice.number}</td>
                    <td data-label="State">
                      <InvoiceBadge status={invoice.status} />
                    </td>
                    <td data-label="Issued" className={table.nowrap}>
                      {dateName(millis(invoice.issuedAt))}
                    </td>
                    <td data-label="Due" className={table.nowrap}>
                      {dateName(millis(invoice.dueAt))}
                    </td>
                    <td data-label="Amount" className={table.number}>
                      {formatMoney(invoice.bill.totalMinor, invoice.bill.currency, invoice.bill.currencyDigits)}
                    </td>
                    <td data-label="Still to pay" className={table.number}>
                      {formatMoney(invoice.dueMinor, invoice.bill.currency, invoice.bill.currencyDigits)}
                    </td>
                  </tr>
                ),
            )}
          </tbody>
        </table>
      )}
      {hasNextPage && (
        <p className={styles.foot}>
          <Button size="small" busy={isFetchingNextPage} onClick={() => fetchNextPage()}>
            Older invoices
          </Button>
        </p>
      )}
    </Panel>
  );
}
