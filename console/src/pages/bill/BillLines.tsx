/** The lines of a bill as a table that adds up. */
import { LineKind, type Bill, type Line, type Part } from "../../api/invoice";
import { formatMoney } from "../../format/money";
import { formatCount } from "../../format/number";
import { millis } from "../../format/time";
import { Badge } from "../../ui/Badge";
import table from "../../ui/Table.module.css";
import styles from "./Bill.module.css";

const dayName = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

const meters: Record<string, string> = { events: "Events", points: "Points", duplicates: "Duplicates", dead_letters: "Dead letters", bytes: "Bytes stored" };

export function BillLines({ bill }: { bill: Bill }) {
  const money = (minor: bigint) => formatMoney(minor, bill.currency, bill.currencyDigits);
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">For</th>
          <th scope="col">Quantity</th>
          <th scope="col">Included</th>
          <th scope="col">Price</th>
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
              {nameOf(line)} {line.trial && <Badge>trial</Badge>}
              <span className={styles.span}>{spanOf(line)}</span>
            </td>
            <td data-label="Quantity">{line.meter ? formatCount(line.quantity) : "–"}</td>
            <td data-label="Included">{line.meter ? formatCount(line.included) : "–"}</td>
            <td data-label="Price">
              {line.parts.length === 0 ? "–" : line.parts.map((part) => <PriceOf key={`${part.price} ${part.per}`} part={part} currency={bill.currency} />)}
            </td>
            <td data-label="Amount" className={table.number}>
              {money(line.amountMinor)}
            </td>
          </tr>
        ))}
        <tr className={styles.total}>
          <td colSpan={4} data-lead>
            To pay
          </td>
          <td data-label="Amount" className={table.number}>
            {money(bill.totalMinor)}
          </td>
        </tr>
      </tbody>
    </table>
  );
}

function PriceOf({ part, currency }: { part: Part; currency: string }) {
  return (
    <span className={styles.price}>
      {formatCount(part.quantity)} × {part.price} {currency}
      {part.per > 1n && ` / ${formatCount(part.per)}`}
    </span>
  );
}

function nameOf(line: Line): string {
  switch (line.kind) {
    case LineKind.FLAT:
      return `Plan ${line.plan}`;
    case LineKind.USAGE:
      return meters[line.meter] ?? line.meter;
    case LineKind.MINIMUM:
      return `Minimum of plan ${line.plan}`;
    case LineKind.MAXIMUM:
      return `Maximum of plan ${line.plan}`;
    case LineKind.DISCOUNT:
      return "Contract discount";
    case LineKind.COUPON:
      return `Coupon ${line.reference}`;
    case LineKind.ADJUSTMENT:
      return `Correction ${line.reference}`;
    case LineKind.TAX:
      return "Tax";
    case LineKind.CREDIT:
      return `Prepaid ${line.reference}`;
    default:
      return "Other";
  }
}

/** "1 Nov – 30 Nov": the last day that a line covers, not the first after it. */
function spanOf(line: Line): string {
  const start = millis(line.start);
  const end = millis(line.end);
  return start === undefined || end === undefined ? "" : `${dayName.format(start)} – ${dayName.format(end - 1)}`;
}
