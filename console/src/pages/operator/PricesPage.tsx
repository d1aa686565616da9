/** Operations: what plans cost, by version of the price book and currency. */
import { useState } from "react";
import { usePriceBooks, type PlanPrices, type PriceBook } from "../../api/billing";
import { explain } from "../../api/errors";
import { PriceModel, type Charge } from "../../api/subscription";
import { formatPer, formatQuantity, meterName, meterUnit } from "../../format/meter";
import { formatPrice } from "../../format/money";
import { planName } from "../../format/plan";
import { millis } from "../../format/time";
import { SelectField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../../ui/States";
import { dateName, monthName } from "../bill/span";
import form from "../../forms/form.module.css";
import styles from "../bill/Plan.module.css";

export default function PricesPage() {
  const { data, error, refetch } = usePriceBooks();
  const [version, setVersion] = useState("");
  const [currency, setCurrency] = useState("EUR");
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data) return <SkeletonRows rows={4} />;
  const book = data.priceBooks.find((b) => b.version === version) ?? data.priceBooks.find((b) => b.current) ?? data.priceBooks[0];
  if (!book) return null;
  const currencies = [...new Set(book.prices.map((p) => p.currency))].sort();
  const shown = currencies.includes(currency) ? currency : (currencies[0] ?? "");
  return (
    <>
      <Panel title="Price book" note="Prices change with a release only: each version is a reviewed file. A month is billed by the version that held at its start. Tiers begin above what is included.">
        <div className={form.row}>
          <SelectField label="Version" hint={holds(book)} value={book.version} onChange={(e) => setVersion(e.target.value)}>
            {data.priceBooks.map((b) => (
              <option key={b.version} value={b.version}>
                {b.version}
                {b.current ? " (now)" : ""}
              </option>
            ))}
          </SelectField>
          <SelectField label="Currency" value={shown} onChange={(e) => setCurrency(e.target.value)}>
            {currencies.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </SelectField>
        </div>
      </Panel>
      <div className={styles.plans}>
        {book.prices
          .filter((p) => p.currency === shown)
          .map((prices) => (
            <Prices key={prices.plan} prices={prices} />
          ))}
      </div>
    </>
  );
}

function holds({ start, end }: PriceBook): string {
  return `From ${monthName(millis(start) ?? 0)}${end ? ` until ${dateName(millis(end))}` : " on"}.`;
}

function Prices({ prices }: { prices: PlanPrices }) {
  const { currency } = prices;
  const regions = Object.entries(prices.regionFactors).sort();
  return (
    <section className={styles.plan} aria-label={`Plan ${planName(prices.plan)}`}>
      <header>
        <h2>{planName(prices.plan)}</h2>
        <p className={styles.fee}>
          {formatPrice(prices.flat, currency)} <small>a month{prices.trialDays > 0 && `, the first ${prices.trialDays} days free`}</small>
        </p>
      </header>
      <dl className={styles.charges}>
        {prices.charges.map((charge) => (
          <div key={charge.meter}>
            <dt>{meterName(charge.meter)}</dt>
            <dd>
              {charge.included > 0n && (
                <span>
                  {formatQuantity(charge.included, charge.meter)} {meterUnit(charge.meter)} included
                </span>
              )}
              {tiers(charge, currency).map((line) => (
                <span key={line}>{line}</span>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      {prices.charges.length === 0 && <p className={styles.for}>Usage costs nothing.</p>}
      <ul className={styles.limits}>
        {prices.minimum && <li>at least {formatPrice(prices.minimum, currency)} a month</li>}
        {prices.maximum && <li>at most {formatPrice(prices.maximum, currency)} a month</li>}
        {regions.map(([region, factor]) => (
          <li key={region}>
            charges × {factor} in {region}
          </li>
        ))}
        {!prices.minimum && !prices.maximum && regions.length === 0 && <li>no bounds, the same in every region</li>}
      </ul>
    </section>
  );
}

const whole: Partial<Record<PriceModel, string>> = { [PriceModel.VOLUME]: " for all of it", [PriceModel.PACKAGE]: " begun" };

/** A line for each price: "up to 5,000,000,000: €0.05 / 1,000,000 points". */
function tiers(charge: Charge, currency: string): string[] {
  return charge.tiers.map((tier) => {
    const upTo = tier.upTo > 0n ? `up to ${formatQuantity(tier.upTo, charge.meter)}: ` : charge.tiers.length > 1 ? "above: " : "";
    const once = tier.flat ? ` and ${formatPrice(tier.flat, currency)} once` : "";
    return `${upTo}${formatPrice(tier.price, currency)} / ${formatPer(charge.per, charge.meter)}${whole[charge.model] ?? ""}${once}`;
  });
}
