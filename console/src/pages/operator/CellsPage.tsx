/** Operations: the cells, how they fare, and whether they take new organisations. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { CellHealth, CellState, useCells, useDrain, useUndrain, type Cell } from "../../api/platform";
import { formatBytes, formatCompact, formatPercent } from "../../format/number";
import { formatAgo, formatDuration, millis } from "../../format/time";
import { useNow } from "../../hooks/useNow";
import { ActionCell } from "../../ui/ActionCell";
import { Badge, type Tone } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Dialog";
import { Panel } from "../../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";

export default function CellsPage() {
  const { data, error, refetch } = useCells();
  const [draining, setDraining] = useState<Cell>();
  const drain = useDrain();
  const undrain = useUndrain();
  const toasts = useToasts();

  async function change(name: string, close: boolean) {
    try {
      await (close ? drain : undrain).mutateAsync({ cell: name });
      toasts.done(close ? `${name} takes no new organisations` : `${name} takes new organisations`);
    } catch (failure) {
      toasts.failed(`Could not change ${name}`, explain(failure).detail);
    }
    setDraining(undefined);
  }

  return (
    <Panel title="Cells" note="New organisations go to the active cell of their region with the most headroom." flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data && (
        <table className={table.table}>
          <thead>
            <tr>
              {["Cell", "State", "Organisations", "Events a second", "Behind", "Disk free", "Headroom", "Heard"].map((heading) => (
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
            {data.cells.map((cell) => (
              <CellRow key={cell.name} cell={cell} onDrain={() => setDraining(cell)} onUndrain={() => change(cell.name, false)} />
            ))}
          </tbody>
        </table>
      )}
      <Confirm title={`Drain ${draining?.name ?? ""}?`} open={draining !== undefined} onClose={() => setDraining(undefined)} onConfirm={() => draining && change(draining.name, true)} confirm="Drain" busy={drain.isPending}>
        It takes no new organisations from now on. Those that live there are served as before, and you can open it again at any time.
      </Confirm>
    </Panel>
  );
}

const health: Record<CellHealth, { tone: Tone; word: string }> = {
  [CellHealth.UNSPECIFIED]: { tone: "steel", word: "unknown" },
  [CellHealth.LIVE]: { tone: "accent", word: "live" },
  [CellHealth.STALE]: { tone: "rust", word: "not heard" },
  [CellHealth.SILENT]: { tone: "brass", word: "never heard" },
};

function CellRow({ cell, onDrain, onUndrain }: { cell: Cell; onDrain: () => void; onUndrain: () => void }) {
  const now = useNow(1_000);
  const heard = millis(cell.heardAt);
  const load = cell.load;
  const state = health[cell.health];
  return (
    <tr>
      <td data-lead>
        {cell.name} <span className={table.muted}>{cell.region === cell.name ? "" : cell.region}</span>
      </td>
      <td data-label="State">
        <Badge tone={state.tone} pulse={cell.health === CellHealth.LIVE}>
          {state.word}
        </Badge>{" "}
        {cell.state === CellState.DRAINING && <Badge tone="brass">draining</Badge>}
      </td>
      <td data-label="Organisations">
        {cell.placedTenants} of {load?.maxDatabases ?? 0}
      </td>
      <td data-label="Events a second">
        {formatCompact(Math.round(load?.eventsPerSecond ?? 0))} of {formatCompact(load?.maxEventsPerSecond ?? 0)}
      </td>
      <td data-label="Behind">{formatDuration((load?.lagSeconds ?? 0) * 1000)}</td>
      <td data-label="Disk free">{load && load.diskBytes > 0n ? formatBytes(load.diskFreeBytes) : "elsewhere"}</td>
      <td data-label="Headroom">{formatPercent(load?.headroom ?? 0)}</td>
      <td data-label="Heard" className={table.muted}>
        {heard ? formatAgo(heard, now) : "never"}
      </td>
      <ActionCell>
        {cell.state === CellState.DRAINING ? (
          <Button size="small" onClick={onUndrain}>
            Open again
          </Button>
        ) : (
          <Button size="small" kind="quiet" onClick={onDrain}>
            Drain
          </Button>
        )}
      </ActionCell>
    </tr>
  );
}
