/** The lines of a bill as a table that adds up. */
import type { ReactNode } from "react";
import { LineKind, type Bill, type Line, type Part } from "../../api/invoice";
import { formatPer, formatQuantity, meterName } from "../../format/meter";
import { formatMoney, formatPrice } from "../../format/money";
import { planName } from "../../format/plan";
import { millis } from "../../format/time";
import { Badge } from "../../ui/Badge";
import { cx } from "../../ui/cx";
import table from "../../ui/Table.module.css";
import { spanName } from "./span";
import styles from "./Bill.module.css";

/** `name` may make a link of a line's name. */
export function BillLines({ bill, name = nameOf }: { bill: Bill; name?: (line: Line) => ReactNode }) {
  const money = (minor: bigint) => formatMoney(minor, bill.currency, bill.currencyDigits);
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">For</th>
          <th scope="col" className={table.number}>
            Quantity
          </th>
          <th scope="col" className={table.number}>
            Included
          </th>
          <th scope="col" className={table.number}>
            Price
          </th>
          <th scope="col" className={table.number}>
            Amount
          </th>
        </tr>
      </thead>
      <tbody>
        {bill.lines.map((line, i) => (
          // Lines have no id and keep their order.
          <tr key={i}>
            <td data-lead>
              {name(line)} {line.trial && <Badge>trial</Badge>}
              <span className={styles.span}>{spanName(millis(line.start), millis(line.end))}</span>
            </td>
            <td data-label="Quantity" className={cx(table.number, !line.meter && styles.nothing)}>
              {line.meter ? formatQuantity(line.quantity, line.meter) : "–"}
            </td>
            <td data-label="Included" className={cx(table.number, (!line.meter || line.included === 0n) && styles.nothing)}>
              {line.meter && line.included > 0n ? formatQuantity(line.included, line.meter) : "–"}
            </td>
            <td data-label="Price" className={cx(table.number, line.parts.length === 0 && styles.nothing)}>
              {line.parts.length === 0 ? "–" : line.parts.map((part) => <PriceOf key={`${part.price} ${part.per}`} part={part} meter={line.meter} currency={bill.currency} />)}
            </td>
            <td data-label="Amount" className={table.number}>
              {money(line.amountMinor)}
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        {bill.taxMinor !== 0n && <Sum label="Before tax and credits" amount={money(bill.subtotalMinor)} />}
        <Sum label="To pay" amount={money(bill.totalMinor)} strong />
      </tfoot>
    </table>
  );
}

function Sum({ label, amount, strong }: { label: string; amount: string; strong?: boolean }) {
  return (
    <tr className={strong ? styles.total : styles.sum}>
      <td colSpan={4} data-lead>
        {label}
      </td>
      <td data-label="Amount" className={table.number}>
        {amount}
      </td>
    </tr>
  );
}

function PriceOf({ part, meter, currency }: { part: Part; meter: string; currency: string }) {
  return (
    <span className={styles.price}>
      {formatQuantity(part.quantity, meter)} × {formatPrice(part.price, currency)} / {formatPer(part.per, meter)}
    </span>
  );
}

export function nameOf(line: Line): string {
  switch (line.kind) {
    case LineKind.FLAT:
      return `Plan ${planName(line.plan)}`;
    case LineKind.USAGE:
      return meterName(line.meter);
    case LineKind.MINIMUM:
      return `Minimum of plan ${planName(line.plan)}`;
    case LineKind.MAXIMUM:
      return `Maximum of plan ${planName(line.plan)}`;
    case LineKind.DISCOUNT:
      return "Contract discount";
    case LineKind.COUPON:
      return `Coupon ${line.reference}`;
    case LineKind.ADJUSTMENT:
      return line.reason ? `Correction: ${line.reason}` : `Correction ${line.reference}`;
    case LineKind.TAX:
      return "Tax";
    case LineKind.CREDIT:
      return `Prepaid ${line.reference}`;
    default:
      return "Other";
  }
}
