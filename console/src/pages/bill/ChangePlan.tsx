/** What a change of plan does to this month's bill and to the next, before it is made. */
import { useState } from "react";
import { explain } from "../../api/errors";
import type { Bill } from "../../api/invoice";
import { ChangeTime, useChangePlan, usePreview, type Plan, type Preview } from "../../api/subscription";
import { formatMoney } from "../../format/money";
import { planName } from "../../format/plan";
import { millis } from "../../format/time";
import { Button } from "../../ui/Button";
import { DialogActions } from "../../ui/Dialog";
import { Segmented } from "../../ui/Segmented";
import { ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";
import { BillLines } from "./BillLines";
import { dateName, dayName, hourName } from "./span";
import styles from "./Plan.module.css";

export function ChangePlan({ plan, onDone }: { plan: Plan; onDone: () => void }) {
  const [at, setAt] = useState<"now" | "end">("now");
  const time = at === "now" ? ChangeTime.NOW : ChangeTime.PERIOD_END;
  const preview = usePreview(plan.plan, time);
  const change = useChangePlan();
  const toasts = useToasts();
  const { data } = preview;

  async function confirm() {
    if (!data) return;
    try {
      await change.mutateAsync({ plan: plan.plan, at: time, etag: data.etag });
      toasts.done(at === "now" ? `The plan is ${planName(plan.plan)}` : `The plan will be ${planName(plan.plan)}`);
      onDone();
    } catch {
      await preview.refetch(); // what was shown may hold no longer; the reason stays below
    }
  }

  return (
    <div className={styles.change}>
      <Segmented
        label="When"
        value={at}
        onChange={setAt}
        choices={[
          { value: "now", label: "Now" },
          { value: "end", label: "When the month ends" },
        ]}
      />
      {preview.error && <ErrorPanel {...explain(preview.error)} onRetry={preview.refetch} />}
      {!data && !preview.error && <SkeletonRows rows={5} />}
      {data && <Comparison preview={data} />}
      {data?.obstacles.map((obstacle) => (
        <Notice key={obstacle} tone="rust" icon="warning">
          {obstacle}
        </Notice>
      ))}
      {change.isError && (
        <Notice tone="rust" icon="warning">
          {explain(change.error).detail} What is shown is as of now.
        </Notice>
      )}
      <DialogActions>
        <Button onClick={onDone}>Stay</Button>
        <Button kind="primary" busy={change.isPending} disabledReason={!data ? "The bill is not here yet." : data.obstacles.length > 0 ? "Something stands against it, see above." : undefined} onClick={confirm}>
          Change to {planName(plan.plan)}
        </Button>
      </DialogActions>
    </div>
  );
}

function Comparison({ preview }: { preview: Preview }) {
  const { bill, forecast, changedBill, changedForecast, nextMonth } = preview;
  if (!bill || !forecast || !changedBill || !changedForecast) return null;
  const end = dayName((millis(bill.end) ?? 0) - 1);
  return (
    <>
      <p>
        On the bill from {hourName(millis(preview.effectiveAt))} on. Fees count by the part of the month that is spent in each plan.
      </p>
      <table className={table.table}>
        <thead>
          <tr>
            <th scope="col">Bill</th>
            <th scope="col" className={table.number}>
              As it is
            </th>
            <th scope="col" className={table.number}>
              With the change
            </th>
          </tr>
        </thead>
        <tbody>
          <Row label="This month so far" before={bill} after={changedBill} />
          <Row label={`At this pace by ${end}`} before={forecast} after={changedForecast} />
          {nextMonth && <Row label={`The month from ${dateName(millis(nextMonth.start))}`} after={nextMonth} />}
        </tbody>
      </table>
      <details className={styles.lines}>
        <summary>This month's bill with the change, line by line</summary>
        <BillLines bill={changedBill} />
      </details>
    </>
  );
}

function Row({ label, before, after }: { label: string; before?: Bill; after: Bill }) {
  return (
    <tr>
      <td data-lead>{label}</td>
      <td data-label="As it is" className={table.number}>
        {before ? moneyOf(before) : "–"}
      </td>
      <td data-label="With the change" className={table.number}>
        <strong>{moneyOf(after)}</strong>
      </td>
    </tr>
  );
}

const moneyOf = (bill: Bill) => formatMoney(bill.totalMinor, bill.currency, bill.currencyDigits);
