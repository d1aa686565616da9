/** Operations: how events fare on their way through a cell. */
import { useState, type ReactNode } from "react";
import type { Duration } from "@bufbuild/protobuf/wkt";
import { explain } from "../../api/errors";
import { usePipeline, type Pipeline } from "../../api/pipeline";
import { useCells, useTenants } from "../../api/platform";
import { formatCompact, formatCount } from "../../format/number";
import { formatAgo, formatDuration, formatLatency, millis } from "../../format/time";
import { useNow } from "../../hooks/useNow";
import { Badge } from "../../ui/Badge";
import { SelectField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import styles from "./PipelinePage.module.css";

/** What each stage is, in the order of an event's way. */
const meaning: Record<string, string> = {
  acknowledge: "from a message to the device's answer",
  accept: "from a connection to a session",
  decode: "one payload",
  admit: "limits, and being held back by them",
  frame: "waiting for the frame to close",
  publish: "the log's acknowledgement, on disk",
  consume: "in the log, until it is taken",
  step: "the engine, one frame",
  insert: "one table of one organisation",
  commit: "from the log to stored rows",
  query: "one statement for a reader",
  live: "from receipt to those who watch",
};

export default function PipelinePage() {
  const cells = useCells();
  const [chosen, setChosen] = useState("");
  const cell = chosen || (cells.data?.cells[0]?.name ?? "");
  const { data, error, refetch } = usePipeline(cell);
  return (
    <>
      {cells.error && <ErrorPanel {...explain(cells.error)} onRetry={cells.refetch} />}
      {cells.data && cells.data.cells.length > 1 && (
        <div className={styles.choice}>
          <SelectField label="Cell" value={cell} onChange={(e) => setChosen(e.target.value)}>
            {cells.data.cells.map((c) => (
              <option key={c.name}>{c.name}</option>
            ))}
          </SelectField>
        </div>
      )}
      {error && !data && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={6} />}
      {data && <Figures pipeline={data} stale={error !== null} />}
    </>
  );
}

function Figures({ pipeline, stale }: { pipeline: Pipeline; stale: boolean }) {
  const now = useNow(1_000);
  const acknowledge = pipeline.stages.find((s) => s.stage === "acknowledge");
  const behind = pipeline.partitions.reduce((most, p) => Math.max(most, ms(p.behind) ?? 0), 0);
  const started = millis(pipeline.startedAt);
  return (
    <>
      <Panel
        title={`Cell ${pipeline.cell}`}
        note={`Version ${pipeline.version || "unknown"}${started ? `, started ${formatAgo(started, now)}` : ""}. Rates and quantiles are of the last ${formatDuration(ms(pipeline.span) ?? 0)}.`}
        actions={stale && <Badge tone="rust">not answering</Badge>}
      >
        <dl className={styles.figures}>
          <Figure name="Stored" value={`${perSecond(pipeline.storedPerSecond)} /s`} />
          <Figure name="Acknowledged, p99" value={formatLatency(ms(acknowledge?.p99))} />
          <Figure name="Behind" value={formatLatency(behind)} />
          <Figure name="Duplicates" value={`${perSecond(pipeline.duplicatesPerSecond)} /s`} />
          <Figure name="Dead letters" value={`${perSecond(pipeline.deadLettersPerSecond)} /s`} />
          <Figure name="Sessions" value={`${formatCount(pipeline.sessions)} MQTT, ${formatCount(pipeline.liveSessions)} live`} />
        </dl>
      </Panel>
      <Panel title="Partitions" note="What the log has that is not stored yet." flush>
        {pipeline.partitions.length === 0 && (
          <Empty icon="store" title="None yet" compact>
            This process works on no partition, or has not been heard of the log yet.
          </Empty>
        )}
        {pipeline.partitions.length > 0 && (
          <Table headings={["Partition", "Messages waiting", "Behind", "Stored through"]}>
            {pipeline.partitions.map((p) => (
              <tr key={p.partition}>
                <td data-lead>{p.partition}</td>
                <td data-label="Messages waiting">{formatCount(p.waiting)}</td>
                <td data-label="Behind">{formatLatency(ms(p.behind))}</td>
                <td data-label="Stored through" className={table.muted}>
                  {formatCount(p.committed)}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Panel>
      <Panel title="Stages" flush>
        <Table headings={["Stage", "What it is", "A second", "Median", "p99"]}>
          {pipeline.stages.map((s) => (
            <tr key={s.stage}>
              <td data-lead>{s.stage}</td>
              <td data-label="What it is" className={table.muted}>
                {meaning[s.stage] ?? ""}
              </td>
              <td data-label="A second">{perSecond(s.perSecond)}</td>
              <td data-label="Median">{formatLatency(ms(s.p50))}</td>
              <td data-label="p99">{formatLatency(ms(s.p99))}</td>
            </tr>
          ))}
        </Table>
      </Panel>
      <Tenants pipeline={pipeline} />
      <Panel title="Refused by the gateway" flush>
        {pipeline.refusals.length === 0 && (
          <Empty icon="check" title="Nothing" compact>
            Every message was understood and within its limits.
          </Empty>
        )}
        {pipeline.refusals.length > 0 && (
          <Table headings={["Reason", "A second"]}>
            {pipeline.refusals.map((r) => (
              <tr key={r.reason}>
                <td data-lead>
                  <code>{r.reason}</code>
                </td>
                <td data-label="A second">{perSecond(r.perSecond)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Panel>
    </>
  );
}

function Tenants({ pipeline }: { pipeline: Pipeline }) {
  // The cell knows ids alone; the names are the control plane's.
  const { data } = useTenants("", "");
  const names = new Map(data?.tenants.map((t) => [t.tenantId, t.name]));
  return (
    <Panel title="Organisations that send most" flush>
      {pipeline.tenants.length === 0 && (
        <Empty icon="building" title="Nobody sends" compact>
          Nothing was stored lately.
        </Empty>
      )}
      {pipeline.tenants.length > 0 && (
        <Table headings={["Organisation", "Events a second", "Points a second", "Dead letters a second"]}>
          {pipeline.tenants.map((t) => (
            <tr key={t.tenantId}>
              <td data-lead>{names.get(t.tenantId) ?? <code>{t.tenantId}</code>}</td>
              <td data-label="Events a second">{perSecond(t.eventsPerSecond)}</td>
              <td data-label="Points a second">{perSecond(t.pointsPerSecond)}</td>
              <td data-label="Dead letters a second">{perSecond(t.deadLettersPerSecond)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Panel>
  );
}

function Table({ headings, children }: { headings: string[]; children: ReactNode }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          {headings.map((heading) => (
            <th key={heading} scope="col">
              {heading}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

function Figure({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

const ms = (d: Duration | undefined) => (d ? Number(d.seconds) * 1000 + d.nanos / 1e6 : undefined);

/** A rate: whole from ten on, with a decimal below. */
function perSecond(rate: number): string {
  return rate > 0 && rate < 10 ? rate.toFixed(rate < 0.1 ? 2 : 1) : formatCompact(Math.round(rate));
}
