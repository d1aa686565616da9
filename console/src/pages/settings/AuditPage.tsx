/** Settings: who did what, newest first. */
import { explain } from "../../api/errors";
import { useAudit, type AuditEntry } from "../../api/tenant";
import { formatDateTime, millis } from "../../format/time";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { Gate } from "./Gate";
import styles from "./Settings.module.css";

export default function AuditPage() {
  return (
    <Gate permission="readAudit">
      <Audit />
    </Gate>
  );
}

function Audit() {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useAudit();
  const entries = data?.pages.flatMap((page) => page.entries) ?? [];
  return (
    <Panel title="Audit log" note="Every change, and every attempt that was refused" flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={6} />}
      {data && entries.length === 0 && (
        <Empty icon="list" title="Nothing yet">
          The first change to a device, a member or a key appears here.
        </Empty>
      )}
      {entries.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">Did what</th>
              <th scope="col">To</th>
              <th scope="col">Outcome</th>
              <th scope="col">From</th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <Entry key={entry.entryId} entry={entry} />
            ))}
          </tbody>
        </table>
      )}
      {hasNextPage && (
        <div className={styles.more}>
          <Button onClick={() => fetchNextPage()} busy={isFetchingNextPage}>
            Show older
          </Button>
        </div>
      )}
    </Panel>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  return (
    <tr>
      <td data-label="When" className={table.nowrap}>
        {formatDateTime(millis(entry.occurredAt) ?? 0)}
      </td>
      <td data-label="Who" className={table.wrap}>
        {entry.actor}
      </td>
      <td data-label="Did what" title={entry.action}>
        {actionName(entry.action)}
      </td>
      <td data-label="To" className={table.wrap}>
        <code>{entry.object}</code>
      </td>
      <td data-label="Outcome">
        <Badge tone={entry.outcome === "ok" ? "accent" : "rust"}>{entry.outcome}</Badge>
      </td>
      <td data-label="From" className={table.muted}>
        {entry.remoteAddress || "–"}
      </td>
    </tr>
  );
}

/** "millwright.device.v1.DeviceService/IssueCertificate" → "Issue certificate". */
function actionName(action: string): string {
  const service = /\.(\w+)Service\//.exec(action)?.[1] ?? "";
  const words = action.slice(action.lastIndexOf("/") + 1).replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  const bare = words.includes(" ") ? words : `${words} ${service.toLowerCase()}`.trim();
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}
