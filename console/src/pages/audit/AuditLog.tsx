/** An audit log, newest entry first. The filters are part of the address, so that a view can be shared. */
import { Fragment, useState } from "react";
import { useSearchParams } from "react-router";
import { Outcome, type AuditFilter, type AuditResult, type Entry } from "../../api/audit";
import { explain } from "../../api/errors";
import { formatDateTime, millis } from "../../format/time";
import { useZone } from "../../hooks/useZone";
import { Badge } from "../../ui/Badge";
import { Button, buttonClass } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Segmented } from "../../ui/Segmented";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import styles from "./Audit.module.css";

type Shown = "all" | "done" | "refused";
const shows: readonly Shown[] = ["all", "done", "refused"];
const outcomes: Record<Shown, Outcome> = { all: Outcome.UNSPECIFIED, done: Outcome.DONE, refused: Outcome.REFUSED };

const shownOf = (query: URLSearchParams): Shown => shows.find((s) => s === query.get("show")) ?? "all";

/** What the address asks for. */
export function useAuditFilter(): AuditFilter {
  const [query] = useSearchParams();
  return { actor: query.get("actor") ?? "", object: query.get("object") ?? "", outcome: outcomes[shownOf(query)] };
}

interface AuditLogProps {
  title: string;
  note: string;
  /** Where the whole log comes as a file, and its name. */
  href: string;
  file: string;
  /** Examples for the filters. */
  who: string;
  what: string;
  filter: AuditFilter;
  result: AuditResult;
}

export function AuditLog({ title, note, href, file, who, what, filter, result }: AuditLogProps) {
  const [query, setQuery] = useSearchParams();
  const shown = shownOf(query);
  const set = (name: string, value: string) =>
    setQuery((before) => {
      const after = new URLSearchParams(before);
      if (value) after.set(name, value);
      else after.delete(name);
      return after;
    }, { replace: true });
  return (
    <Panel
      title={title}
      note={note}
      actions={
        <a className={buttonClass("secondary", "small")} href={href} download={file}>
          Export
        </a>
      }
      flush
    >
      <div className={styles.filters}>
        <Segmented
          label="Outcome"
          choices={[{ value: "all", label: "All" }, { value: "done", label: "Done" }, { value: "refused", label: "Refused" }]}
          value={shown}
          onChange={(value) => set("show", value === "all" ? "" : value)}
        />
        <TextField label="Who" placeholder={who} value={filter.actor} onChange={(e) => set("actor", e.target.value.trim())} />
        <TextField label="To what" placeholder={what} mono value={filter.object} onChange={(e) => set("object", e.target.value.trim())} />
      </div>
      <Entries filter={filter} result={result} />
    </Panel>
  );
}

function Entries({ filter, result }: { filter: AuditFilter; result: AuditResult }) {
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = result;
  const zone = useZone();
  const entries = data?.pages.flatMap((page) => page.entries) ?? [];
  const filtered = filter.actor !== "" || filter.object !== "" || filter.outcome !== Outcome.UNSPECIFIED;
  return (
    <>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={6} />}
      {data && entries.length === 0 && (
        <Empty icon="list" title={filtered ? "No entry matches" : "Nothing yet"}>
          {filtered ? "Loosen the filters above." : "The first change appears here."}
        </Empty>
      )}
      {entries.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">When ({zone})</th>
              <th scope="col">Who</th>
              <th scope="col">Did what</th>
              <th scope="col">To</th>
              <th scope="col">Outcome</th>
              <th scope="col">
                <span className="visually-hidden">Details</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {entries.map((entry) => (
              <Row key={String(entry.number)} entry={entry} />
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
    </>
  );
}

function Row({ entry }: { entry: Entry }) {
  const [open, setOpen] = useState(false);
  const done = entry.outcome === "ok";
  return (
    <Fragment>
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
          <code>{entry.object || "–"}</code>
        </td>
        <td data-label="Outcome">
          <Badge tone={done ? "accent" : "rust"}>{done ? "Done" : "Refused"}</Badge>
        </td>
        <td className={table.end}>
          <Button kind="quiet" size="small" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? "Less" : "More"}
          </Button>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={6}>
            <Details entry={entry} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function Details({ entry }: { entry: Entry }) {
  return (
    <div className={styles.details}>
      {entry.outcome !== "ok" && <p className={styles.reason}>{entry.outcome}</p>}
      {(entry.beforeJson || entry.afterJson) && (
        <div className={styles.change}>
          <Side title="Before" json={entry.beforeJson} />
          <Side title="After" json={entry.afterJson} />
        </div>
      )}
      <dl className={styles.facts}>
        <div>
          <dt>Entry</dt>
          <dd>{String(entry.number)}</dd>
        </div>
        <div>
          <dt>From</dt>
          <dd>{entry.remoteAddress || "–"}</dd>
        </div>
        <div>
          <dt>Request</dt>
          <dd>{entry.requestId || "–"}</dd>
        </div>
        <div>
          <dt>Hash</dt>
          <dd>{hex(entry.hash)}</dd>
        </div>
      </dl>
    </div>
  );
}

function Side({ title, json }: { title: string; json: string }) {
  return (
    <div>
      <h3>{title}</h3>
      {/* A long value scrolls, which the keyboard must be able to do, too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} aria-label={title}>
        {json ? pretty(json) : "–"}
      </pre>
    </div>
  );
}

function pretty(json: string): string {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}

const hex = (bytes: Uint8Array) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");

/** "millwright.device.v1.DeviceService/IssueCertificate" → "Issue certificate". */
function actionName(action: string): string {
  if (action.endsWith("/simpleenroll")) return "Enrol by EST";
  if (action.endsWith("/simplereenroll")) return "Renew by EST";
  const service = /\.(\w+)Service\//.exec(action)?.[1] ?? "";
  const words = action.slice(action.lastIndexOf("/") + 1).replaceAll(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  const bare = words.includes(" ") ? words : `${words} ${service.toLowerCase()}`.trim();
  return bare.charAt(0).toUpperCase() + bare.slice(1);
}
