/** What of the bill each facility has, as bars that add up with what is nobody's. */
import { useByFacility, type MoneyShare } from "../../api/attribution";
import { explain } from "../../api/errors";
import type { Bill } from "../../api/invoice";
import { formatQuantity } from "../../format/meter";
import { formatMoney } from "../../format/money";
import { millis } from "../../format/time";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { dayName } from "./span";
import styles from "./Bill.module.css";

export function ByFacility({ bill }: { bill: Bill }) {
  const { data, error, refetch } = useByFacility(bill.start, bill.end);
  const since = millis(data?.rowsSince);
  const gone = since !== undefined && since > (millis(bill.start) ?? 0);
  const shares = data ? byAmount(data.bill.shares) : [];
  return (
    <Panel
      title="By facility"
      note={gone ? `Of what is still stored: what came before ${dayName(since)} may be gone.` : "Each meter's cost, in proportion to what the devices of a facility sent."}
      flush={shares.length > 0}
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data &&
        (shares.length === 0 ? (
          <Empty compact icon="usage" title="No device sent anything this month">
            Give devices a facility, and what they cost shows here by facility.
          </Empty>
        ) : (
          <Shares shares={shares} rest={data.bill.restMinor} subtotal={data.bill.subtotalMinor} money={(minor) => formatMoney(minor, data.bill.currency, data.bill.currencyDigits)} />
        ))}
    </Panel>
  );
}

interface SharesProps {
  shares: MoneyShare[];
  rest: bigint;
  subtotal: bigint;
  money: (minor: bigint) => string;
}

/** Bars are of the money that is shared out, and of events while nothing costs. */
function Shares({ shares, rest, subtotal, money }: SharesProps) {
  const costs = shares.some((s) => s.amountMinor > 0n);
  const weight = (s: MoneyShare) => (costs ? s.amountMinor : (s.used["events"] ?? 0n));
  const whole = shares.reduce((sum, s) => sum + weight(s), 0n);
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Facility</th>
          <th scope="col" className={table.number}>
            Events
          </th>
          <th scope="col" className={table.number}>
            Device-hours
          </th>
          <th scope="col">{costs ? "Share of usage's cost" : "Share of events"}</th>
          <th scope="col" className={table.number}>
            Amount
          </th>
        </tr>
      </thead>
      <tbody>
        {shares.map((s) => (
          <tr key={s.key}>
            <td data-lead>{s.key || "No facility"}</td>
            <td data-label="Events" className={table.number}>
              {formatQuantity(s.used["events"] ?? 0n, "events")}
            </td>
            <td data-label="Device-hours" className={table.number}>
              {formatQuantity(s.used["device_hours"] ?? 0n, "device_hours")}
            </td>
            <td data-label="Share">
              <Share of={whole > 0n ? Number((weight(s) * 2000n + whole) / (2n * whole)) : 0} />
            </td>
            <td data-label="Amount" className={table.number}>
              {money(s.amountMinor)}
            </td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <Sum label="Of the organisation as a whole: the plan's fee, discounts, and what no device makes" amount={money(rest)} />
        <Sum label="Before tax and credits" amount={money(subtotal)} strong />
      </tfoot>
    </table>
  );
}

/** In per mille, rounded. */
function Share({ of }: { of: number }) {
  return (
    <div className={styles.share}>
      <div className={styles.bar}>
        <span style={{ width: `${of / 10}%` }} />
      </div>
      {(of / 10).toFixed(1)} %
    </div>
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

/** The most expensive first; of equals the one that sent more. */
function byAmount(shares: MoneyShare[]): MoneyShare[] {
  const compare = (a: bigint, b: bigint) => (a < b ? 1 : a > b ? -1 : 0);
  return [...shares].sort((a, b) => compare(a.amountMinor, b.amountMinor) || compare(a.used["events"] ?? 0n, b.used["events"] ?? 0n));
}
