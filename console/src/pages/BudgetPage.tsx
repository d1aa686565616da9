/** Budget: what is to be spent in a month, who is told when, and what happens when it is spent. */
import { useState } from "react";
import { Action, Basis, useBudget, useBudgetNotices, useRemoveBudget } from "../api/budget";
import { explain } from "../api/errors";
import { BudgetForm } from "../forms/BudgetForm";
import { formatMoney } from "../format/money";
import { formatDateTime, millis } from "../format/time";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { Badge } from "../ui/Badge";
import { Button } from "../ui/Button";
import { Confirm } from "../ui/Dialog";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import { useToasts } from "../ui/Toasts";
import { BudgetBar } from "./bill/BudgetBar";
import { monthName } from "./bill/span";
import styles from "./bill/Bill.module.css";

export default function BudgetPage() {
  useTitle("Budget");
  const { data, error, refetch } = useBudget();
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data) {
    return (
      <Panel>
        <SkeletonRows rows={5} />
      </Panel>
    );
  }
  return (
    <>
      {data.hold && (
        <Notice tone="rust" icon="warning">
          {data.hold.action === Action.BLOCK ? "Devices' events are refused" : `Devices' events are held to ${data.hold.eventsPerSecond} a second`}: {data.hold.reason}.
        </Notice>
      )}
      {data.problem && (
        <Notice tone="brass" icon="warning">
          {data.problem}.
        </Notice>
      )}
      {data.budget && (
        <Panel title={monthName(millis(data.month) ?? 0)} actions={<RemoveButton />}>
          <BudgetBar state={data} />
        </Panel>
      )}
      <Panel title={data.budget ? "Change the budget" : "Set a budget"} note="What counts is the month's bill before tax and prepaid credits, the plan's fee included. It is looked at every hour.">
        <BudgetForm key={String(data.budget?.setAt?.seconds ?? "")} state={data} />
      </Panel>
      <Told />
    </>
  );
}

function RemoveButton() {
  const [asking, setAsking] = useState(false);
  const remove = useRemoveBudget();
  const refusal = useRefusal("billing.write");
  const toasts = useToasts();

  async function go() {
    try {
      await remove.mutateAsync({});
      setAsking(false);
    } catch (failure) {
      toasts.failed("The budget could not be removed", explain(failure).detail);
    }
  }

  return (
    <>
      <Button size="small" kind="quiet" disabledReason={refusal} onClick={() => setAsking(true)}>
        Remove
      </Button>
      <Confirm title="Remove the budget?" open={asking} onClose={() => setAsking(false)} onConfirm={go} confirm="Remove" busy={remove.isPending}>
        Nobody is told of what is spent any more, and nothing is held back.
      </Confirm>
    </>
  );
}

const bases: Partial<Record<Basis, string>> = { [Basis.ACTUAL]: "spent", [Basis.FORECAST]: "forecast", [Basis.CREDITS]: "credits used up" };

function Told() {
  const { data, error } = useBudgetNotices();
  if (error) return <ErrorPanel {...explain(error)} />;
  return (
    <Panel title="What was told" note="By e-mail to owners, admins and finance, each once a month." flush>
      {!data && <SkeletonRows rows={3} />}
      {data?.notices.length === 0 && (
        <Empty icon="letter" title="Nothing yet" compact>
          When a share of the budget is reached, it is told of by e-mail and shows here.
        </Empty>
      )}
      {data && data.notices.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Told</th>
              <th scope="col">Month</th>
              <th scope="col">Of</th>
              <th scope="col" className={table.number}>
                Share
              </th>
              <th scope="col" className={table.number}>
                Amount
              </th>
              <th scope="col" className={table.number}>
                Budget
              </th>
            </tr>
          </thead>
          <tbody>
            {data.notices.map((n) => (
              <tr key={`${n.month?.seconds} ${n.basis} ${n.percent} ${n.amountMinor}`}>
                <td data-lead>{formatDateTime(millis(n.createdAt) ?? 0)}</td>
                <td data-label="Month">{monthName(millis(n.month) ?? 0)}</td>
                <td data-label="Of">
                  <Badge tone={n.basis === Basis.FORECAST ? "brass" : n.percent >= 100 ? "rust" : "steel"}>{bases[n.basis] ?? "other"}</Badge>
                </td>
                <td data-label="Share" className={table.number}>
                  {n.percent} %
                </td>
                <td data-label="Amount" className={table.number}>
                  {formatMoney(n.spentMinor, n.currency, n.currencyDigits)}
                </td>
                <td data-label="Budget" className={table.number}>
                  {formatMoney(n.amountMinor, n.currency, n.currencyDigits)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className={styles.foot}>The same in a terminal: <code>millwright budget notices</code></p>
    </Panel>
  );
}
