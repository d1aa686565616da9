/** Operations: what every organisation was billed in a month, what it cost the installation, and what is left. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { useMargins, type Margin } from "../../api/usage";
import { formatQuantity, meterName, meterUnit } from "../../format/meter";
import { formatMoney } from "../../format/money";
import { millis } from "../../format/time";
import { useNow } from "../../hooks/useNow";
import { SelectField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { monthName } from "../bill/span";
import { lastMonths } from "./months";
import form from "../../forms/form.module.css";

/** As far back as revenue is shown. */
const months = 24;

/** What the cost is in. */
interface Rates {
  currency: string;
  currencyDigits: number;
}

export default function MarginsPage() {
  const choices = lastMonths(useNow(60_000), months);
  const [chosen, setChosen] = useState<number>();
  const month = chosen ?? choices[0] ?? 0;
  const { data, error, refetch } = useMargins(month);
  return (
    <>
      <Panel title="Month" note="UTC months. There is a margin once a month is closed and has its invoice.">
        <div className={form.row}>
          <SelectField label="Month" value={month} onChange={(e) => setChosen(Number(e.target.value))}>
            {choices.map((at) => (
              <option key={at} value={at}>
                {monthName(at)}
              </option>
            ))}
          </SelectField>
        </div>
      </Panel>
      <Panel title="Margin" note={data ? `${monthName(millis(data.start) ?? month)}: billed before corrections, tax and credits, less the cost at the rates ${data.rates}.` : undefined} flush>
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={3} />}
        {data?.margins.length === 0 && (
          <Empty icon="usage" title="There is no organisation yet" compact>
            Each shows here with what it used and was billed.
          </Empty>
        )}
        {data && data.margins.length > 0 && <MarginTable margins={data.margins} rates={data} />}
      </Panel>
    </>
  );
}

function MarginTable({ margins, rates }: { margins: readonly Margin[]; rates: Rates }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Organisation</th>
          <th scope="col">What it used</th>
          {["Billed", "Cost", "Margin"].map((heading) => (
            <th key={heading} scope="col" className={table.number}>
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {margins.map((margin) => (
          <Row key={margin.tenantId} margin={margin} rates={rates} />
        ))}
      </tbody>
      <Sum margins={margins} rates={rates} />
    </table>
  );
}

function Row({ margin, rates }: { margin: Margin; rates: Rates }) {
  const { billedMinor, billedCurrency, costMinor, marginMinor } = margin;
  return (
    <tr>
      <td data-lead>
        {margin.name} <code>{margin.tenantId}</code>
      </td>
      <td data-label="Used" className={table.muted}>
        {used(margin)}
      </td>
      <td data-label="Billed" className={table.number}>
        {billedMinor === undefined ? <span className={table.muted}>no invoice</span> : formatMoney(billedMinor, billedCurrency, digitsOf(billedCurrency))}
      </td>
      <td data-label="Cost" className={table.number}>
        {formatMoney(costMinor, rates.currency, rates.currencyDigits)}
      </td>
      <td data-label="Margin" className={table.number}>
        {marginMinor !== undefined && formatMoney(marginMinor, rates.currency, rates.currencyDigits)}
        {marginMinor === undefined && <span className={table.muted}>{billedMinor === undefined ? "–" : "another currency"}</span>}
      </td>
    </tr>
  );
}

/** "Engine time 12.5 seconds, storage of events 3 GB-hours". */
function used(margin: Margin): string {
  const parts = Object.entries(margin.used).map(([meter, quantity]) => `${meterName(meter)} ${formatQuantity(quantity, meter)} ${meterUnit(meter)}`);
  return parts.sort().join(", ") || "nothing";
}

/** Those that have a margin, added up: they are all in the currency of the rates. */
function Sum({ margins, rates }: { margins: readonly Margin[]; rates: Rates }) {
  const closed = margins.filter((m) => m.marginMinor !== undefined);
  if (closed.length === 0) return null;
  const sum = (of: (m: Margin) => bigint | undefined) => formatMoney(closed.reduce((all, m) => all + (of(m) ?? 0n), 0n), rates.currency, rates.currencyDigits);
  return (
    <tfoot>
      <tr>
        <td data-lead colSpan={2}>
          <strong>All with an invoice in {rates.currency}</strong>
        </td>
        <td data-label="Billed" className={table.number}>
          <strong>{sum((m) => m.billedMinor)}</strong>
        </td>
        <td data-label="Cost" className={table.number}>
          <strong>{sum((m) => m.costMinor)}</strong>
        </td>
        <td data-label="Margin" className={table.number}>
          <strong>{sum((m) => m.marginMinor)}</strong>
        </td>
      </tr>
    </tfoot>
  );
}

/** The digits after the point of what was billed in. */
const digitsOf = (currency: string) => new Intl.NumberFormat("en-US", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
