/** The three figures that a month comes down to: so far, at this pace, and against the budget. */
import { Link } from "react-router";
import { useBudget } from "../../api/budget";
import type { Bill } from "../../api/invoice";
import { formatMoney } from "../../format/money";
import { millis } from "../../format/time";
import { paths } from "../../paths";
import { Panel } from "../../ui/Panel";
import { Notice } from "../../ui/States";
import { BudgetBar } from "./BudgetBar";
import { dayName } from "./span";
import styles from "./Bill.module.css";

export function Totals({ bill, forecast }: { bill: Bill; forecast: Bill }) {
  const { data: state } = useBudget();
  const money = (minor: bigint) => formatMoney(minor, bill.currency, bill.currencyDigits);
  return (
    <>
      {state?.hold && (
        <Notice tone="rust" icon="warning">
          Events are held back: {state.hold.reason}. <Link to={paths.budget()}>See the budget</Link>
        </Notice>
      )}
      <Panel>
        <dl className={styles.totals}>
          <div>
            <dt>So far</dt>
            <dd>
              {money(bill.totalMinor)} <small>with the plan's fee for the whole month</small>
            </dd>
          </div>
          <div>
            <dt>At this pace</dt>
            <dd>
              {money(forecast.totalMinor)} <small>by {dayName((millis(bill.end) ?? 0) - 1)}, if usage goes on as until now</small>
            </dd>
          </div>
          <div>
            <dt>Budget</dt>
            {state?.budget ? (
              <dd className={styles.budget}>
                <BudgetBar state={state} />
              </dd>
            ) : (
              <dd className={styles.none}>
                {state ? "None is set" : "…"} <small>{state && <Link to={paths.budget()}>Set a budget to be told in time</Link>}</small>
              </dd>
            )}
          </div>
        </dl>
      </Panel>
    </>
  );
}
