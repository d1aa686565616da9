/** Operations: who owes a payment, and what is on its way to the payment provider. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { EntryState, Standing, useFailedPayments, useOutbox, useRetryEntry, type Entry } from "../../api/payment";
import { formatMoney } from "../../format/money";
import { formatDateTime, millis } from "../../format/time";
import { ActionCell } from "../../ui/ActionCell";
import { Badge, type Tone } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Segmented } from "../../ui/Segmented";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";
import { dateName } from "../bill/span";

export default function PaymentsPage() {
  return (
    <>
      <Failed />
      <Outbox />
    </>
  );
}

function Failed() {
  const { data, error, refetch } = useFailedPayments();
  return (
    <Panel title="Failed payments" note="Who owes, the longest first." flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data?.debtors.length === 0 && (
        <Empty icon="check" title="Nobody owes a payment" compact>
          An organisation whose card is refused shows here until it has paid.
        </Empty>
      )}
      {data && data.debtors.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Organisation</th>
              <th scope="col">State</th>
              <th scope="col">Overdue since</th>
              <th scope="col">Suspended</th>
              <th scope="col">Reason</th>
              <th scope="col" className={table.number}>
                Due
              </th>
            </tr>
          </thead>
          <tbody>
            {data.debtors.map((d) => (
              <tr key={`${d.tenantId} ${d.currency}`}>
                <td data-lead>
                  {d.name} <code>{d.tenantId}</code>
                </td>
                <td data-label="State">{d.standing === Standing.SUSPENDED ? <Badge tone="rust">suspended</Badge> : <Badge tone="brass">in grace</Badge>}</td>
                <td data-label="Overdue since">{dateName(millis(d.pastDueSince))}</td>
                <td data-label="Suspended">{dateName(millis(d.suspendedAt))}</td>
                <td data-label="Reason" className={table.wrap}>
                  {d.failure || "–"}
                </td>
                <td data-label="Due" className={table.number}>
                  {formatMoney(d.dueMinor, d.currency, d.currencyDigits)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

const states: Partial<Record<EntryState, { tone: Tone; word: string }>> = {
  [EntryState.WORKING]: { tone: "brass", word: "under way" },
  [EntryState.AWAITING]: { tone: "steel", word: "awaits payment" },
  [EntryState.DONE]: { tone: "accent", word: "done" },
  [EntryState.PARKED]: { tone: "rust", word: "needs a look" },
};

function Outbox() {
  const [which, setWhich] = useState<"all" | "parked">("all");
  const { data, error, refetch } = useOutbox(which === "parked");
  return (
    <Panel
      title="Outbox"
      note="What is sent to the payment provider, step by step."
      actions={
        <Segmented
          label="Which"
          value={which}
          onChange={setWhich}
          choices={[
            { value: "all", label: "All" },
            { value: "parked", label: "Needs a look" },
          ]}
        />
      }
      flush
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data?.entries.length === 0 && (
        <Empty icon="letter" title={which === "parked" ? "Nothing waits for you" : "Nothing was sent yet"} compact>
          Every invoice that is to be collected has an entry here.
        </Empty>
      )}
      {data && data.entries.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              {["Invoice", "Organisation", "State", "Step", "Since", "Last failure"].map((heading) => (
                <th key={heading} scope="col">
                  {heading}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.entries.map((entry) => (
              <Row key={entry.entryId} entry={entry} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

function Row({ entry }: { entry: Entry }) {
  const retry = useRetryEntry();
  const toasts = useToasts();
  const state = states[entry.state] ?? { tone: "steel", word: "unknown" };

  async function again() {
    try {
      await retry.mutateAsync({ entryId: entry.entryId });
      toasts.done("The step is taken again");
    } catch (failure) {
      toasts.failed("The step could not be taken again", explain(failure).detail);
    }
  }

  return (
    <tr>
      <td data-lead>
        <code>{entry.invoiceId}</code> {entry.reference && <code>{entry.reference}</code>}
      </td>
      <td data-label="Organisation">
        <code>{entry.tenantId}</code>
      </td>
      <td data-label="State">
        <Badge tone={state.tone}>{state.word}</Badge>
      </td>
      <td data-label="Step">
        {entry.step} {entry.attempts > 1 && <span className={table.muted}>attempt {entry.attempts}</span>}
      </td>
      <td data-label="Since" className={table.nowrap}>
        {formatDateTime(millis(entry.createdAt) ?? 0)}
      </td>
      <td data-label="Last failure" className={table.wrap}>
        {entry.failure || "–"}
      </td>
      <ActionCell>
        {entry.state === EntryState.PARKED && (
          <Button size="small" busy={retry.isPending} onClick={again}>
            Take the step again
          </Button>
        )}
      </ActionCell>
    </tr>
  );
}
