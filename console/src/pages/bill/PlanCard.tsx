/** One plan: its fee, what it includes, what comes on top, and its limits. */
import type { Charge, Plan } from "../../api/subscription";
import { formatPer, formatQuantity, meterName } from "../../format/meter";
import { formatPrice } from "../../format/money";
import { formatCompact } from "../../format/number";
import { planName } from "../../format/plan";
import { useRefusal } from "../../hooks/useSession";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { cx } from "../../ui/cx";
import styles from "./Plan.module.css";

/** The limits by which people choose, in this order; docs/limits.md has all. */
const telling: ReadonlyArray<readonly [name: string, label: string]> = [
  ["devices", "devices"],
  ["events_per_second", "events a second"],
  ["events_per_day", "events a day"],
  ["members", "members"],
  ["keys", "API keys"],
];

export function PlanCard({ plan, currency, onChoose }: { plan: Plan; currency: string; onChoose: () => void }) {
  const refusal = useRefusal("billing.write");
  const limits = new Map(plan.limits.map((l) => [l.name, l.maximum]));
  return (
    <section className={cx(styles.plan, plan.current && styles.current)} aria-label={`Plan ${planName(plan.plan)}`}>
      <header>
        <h3>
          {planName(plan.plan)} {plan.current && <Badge tone="accent">yours</Badge>}
        </h3>
        <p className={styles.for}>{plan.title}</p>
        <p className={styles.fee}>
          {formatPrice(plan.flat, currency)} <small>a month{plan.trialDays > 0 && `, the first ${plan.trialDays} days free`}</small>
        </p>
      </header>
      <dl className={styles.charges}>
        {plan.charges.map((charge) => (
          <div key={charge.meter}>
            <dt>{meterName(charge.meter)}</dt>
            <dd>
              {charge.included > 0n && <span>{formatQuantity(charge.included, charge.meter)} included</span>}
              <span>{onTop(charge, currency)}</span>
            </dd>
          </div>
        ))}
      </dl>
      <ul className={styles.limits}>
        {telling.map(([name, label]) => {
          const most = limits.get(name);
          return most !== undefined && <li key={name}>{most === 0n ? `no limit of ${label}` : `${formatCompact(most)} ${label}`}</li>;
        })}
        {plan.keptDays > 0 && <li>telemetry kept for {plan.keptDays} days</li>}
      </ul>
      <div className={styles.choose}>
        {plan.current ? (
          <Button wide disabledReason="This is your plan.">
            Your plan
          </Button>
        ) : (
          <Button wide disabledReason={refusal} onClick={onChoose}>
            See the bill in {planName(plan.plan)}
          </Button>
        )}
      </div>
    </section>
  );
}

/** "then €0.20 / 1,000,000 events"; of tiers the dearest and the cheapest. */
function onTop(charge: Charge, currency: string): string {
  const prices = charge.tiers.map((t) => t.price);
  const [first = "0", last = first] = [prices[0], prices.at(-1)];
  const per = formatPer(charge.per, charge.meter);
  const price = first === last ? formatPrice(first, currency) : `${formatPrice(first, currency)} to ${formatPrice(last, currency)}`;
  return `${charge.included > 0n ? "then " : ""}${price} / ${per}`;
}
