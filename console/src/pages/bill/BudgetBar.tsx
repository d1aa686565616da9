/** How much of a budget is spent, as a bar with its figures; a mark stands where the forecast ends. */
import type { BudgetState } from "../../api/budget";
import { formatMoney, perMille } from "../../format/money";
import styles from "./Bill.module.css";

export function BudgetBar({ state }: { state: BudgetState }) {
  const { budget } = state;
  if (!budget) return null;
  const money = (minor: bigint) => formatMoney(minor, budget.currency, state.currencyDigits);
  const spent = perMille(state.spentMinor, budget.amountMinor);
  const forecast = perMille(state.forecastMinor, budget.amountMinor);
  const percent = Math.floor(spent / 10);
  return (
    <div className={styles.use}>
      <div>
        <strong>{percent} %</strong> of {money(budget.amountMinor)}
      </div>
      <div className={styles.bar} data-level={spent >= 1000 ? "over" : forecast >= 1000 ? "near" : "fine"} role="progressbar" aria-label="Budget spent" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, percent)}>
        <span style={{ width: `${Math.min(1000, spent) / 10}%` }} />
        {forecast < 1000 && <i style={{ left: `${forecast / 10}%` }} />}
      </div>
      <small>
        {money(state.spentMinor)} spent before tax and credits, {money(state.forecastMinor)} at this pace
      </small>
    </div>
  );
}
