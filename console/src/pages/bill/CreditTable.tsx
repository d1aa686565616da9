/** What an organisation paid in advance, and what is left of it. */
import type { Credit } from "../../api/subscription";
import { formatMoney } from "../../format/money";
import { millis } from "../../format/time";
import table from "../../ui/Table.module.css";
import { dateName } from "./span";

export function CreditTable({ credits }: { credits: readonly Credit[] }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Reason</th>
          <th scope="col">Granted</th>
          <th scope="col">Expires</th>
          <th scope="col" className={table.number}>
            Amount
          </th>
          <th scope="col" className={table.number}>
            Left
          </th>
        </tr>
      </thead>
      <tbody>
        {credits.map((c) => (
          <tr key={c.creditId}>
            <td data-lead className={table.wrap}>
              {c.reason}
            </td>
            <td data-label="Granted">{dateName(millis(c.grantedAt))}</td>
            <td data-label="Expires">{dateName(millis(c.expiresAt))}</td>
            <td data-label="Amount" className={table.number}>
              {formatMoney(c.amountMinor, c.currency, c.currencyDigits)}
            </td>
            <td data-label="Left" className={table.number}>
              {formatMoney(c.leftMinor, c.currency, c.currencyDigits)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
