/** Settings: every limit with its use, what was refused, what was raised for this organisation, and what was told. */
import { Fragment, useState } from "react";
import { useSearchParams } from "react-router";
import { explain } from "../../api/errors";
import { useLimits, useNotices, useRefusals, type Limit, type Notice, type Refusal } from "../../api/limit";
import { formatCount } from "../../format/number";
import { formatDateTime, millis } from "../../format/time";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { Gate } from "./Gate";
import { LimitHistory } from "./limits/LimitHistory";
import { UseBar } from "./limits/UseBar";
import styles from "./limits/Limits.module.css";

export default function LimitsPage() {
  return (
    <Gate action="usage.read">
      <Limits />
      <Refusals />
      <Notices />
    </Gate>
  );
}

function Limits() {
  const { data, error, refetch } = useLimits();
  return (
    <Panel title="Limits" note={data ? `What the plan ${data.plan} allows, and what is used now` : "What may be used, and what is"} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={8} />}
      {data && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Limit</th>
              <th scope="col">In use</th>
              <th scope="col">Refused in an hour</th>
              <th scope="col">Over it</th>
              <th scope="col">
                <span className="visually-hidden">Over time</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.limits.map((limit) => (
              <Row key={limit.name} limit={limit} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}

/** A row; which one is open is part of the address, so that an e-mail or a colleague can point at it. */
function Row({ limit }: { limit: Limit }) {
  const [query, setQuery] = useSearchParams();
  const open = query.get("limit") === limit.name;
  return (
    <Fragment>
      <tr>
        <td data-label="Limit">
          <div className={styles.name}>
            <strong>{limit.title}</strong>
            <code>{limit.name}</code>
            {limit.override && <Override limit={limit} />}
          </div>
        </td>
        <td data-label="In use" className={styles.inUse}>
          <UseBar limit={limit} />
        </td>
        <td data-label="Refused in an hour" className={table.nowrap}>
          {limit.refused > 0n ? <Badge tone="rust">{formatCount(limit.refused)}</Badge> : <span className={table.muted}>None</span>}
        </td>
        <td data-label="Over it" className={styles.trips}>
          {limit.trips}
        </td>
        <td className={table.end}>
          <Button kind="quiet" size="small" aria-expanded={open} onClick={() => setQuery(open ? {} : { limit: limit.name }, { replace: true })}>
            {open ? "Less" : "Graph"}
            <span className="visually-hidden"> of {limit.title} over time</span>
          </Button>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={5} className={styles.historyCell}>
            <LimitHistory limit={limit} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

function Override({ limit }: { limit: Limit }) {
  const end = millis(limit.override?.expiresAt);
  return (
    <p className={styles.override}>
      <Badge tone="brass">Changed for you</Badge> {formatCount(limit.override?.maximum ?? 0n)} instead of {formatCount(limit.planMaximum)}
      {end === undefined ? "" : ` until ${formatDateTime(end)}`}: {limit.override?.reason}
    </p>
  );
}

const shown = 10;

function Refusals() {
  const { data, error, refetch } = useRefusals();
  const [all, setAll] = useState(false);
  const rows = data?.refusals ?? [];
  return (
    <Panel title="Refused lately" note="Each minute in which a limit refused something, for eight days" flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data && rows.length === 0 && (
        <Empty compact icon="check" title="Nothing was refused">
          When a device sends too fast, or somebody adds one device too many, this says which limit it was and whose.
        </Empty>
      )}
      {rows.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Minute</th>
              <th scope="col">Limit</th>
              <th scope="col">Of</th>
              <th scope="col">Refused</th>
              <th scope="col">Asked for</th>
            </tr>
          </thead>
          <tbody>
            {(all ? rows : rows.slice(0, shown)).map((r) => (
              <RefusalRow key={`${r.limit} ${r.scope} ${millis(r.minute)}`} refusal={r} />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > shown && !all && (
        <div className={styles.more}>
          <Button onClick={() => setAll(true)}>Show {rows.length - shown} more</Button>
        </div>
      )}
    </Panel>
  );
}

function RefusalRow({ refusal: r }: { refusal: Refusal }) {
  return (
    <tr>
      <td data-label="Minute" className={table.nowrap}>
        {formatDateTime(millis(r.minute) ?? 0)}
      </td>
      <td data-label="Limit">
        <code>{r.limit}</code>
      </td>
      <td data-label="Of" className={table.wrap}>
        {r.scope}
      </td>
      <td data-label="Refused">{formatCount(r.count)}</td>
      <td data-label="Asked for" className={table.nowrap}>
        {formatCount(r.current)} of {formatCount(r.maximum)}
      </td>
    </tr>
  );
}

function Notices() {
  const { data, error, refetch } = useNotices();
  const notices = data?.notices ?? [];
  return (
    <Panel title="Notices" note="Owners and admins get these by e-mail too, once a limit and day" flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data && notices.length === 0 && (
        <Empty compact icon="info" title="No limit was near in seven days">
          You are told at 80 and at 100 per cent.
        </Empty>
      )}
      {notices.length > 0 && (
        <ul className={styles.notices}>
          {notices.map((n) => (
            <NoticeLine key={`${n.limit} ${n.percent} ${millis(n.createdAt)}`} notice={n} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function NoticeLine({ notice: n }: { notice: Notice }) {
  return (
    <li>
      <Badge tone={n.percent >= 100 ? "rust" : "brass"}>{n.percent} %</Badge>
      <span>
        <code>{n.limit}</code> {formatCount(n.used)} of {formatCount(n.maximum)}
      </span>
      <span className={table.muted}>{formatDateTime(millis(n.createdAt) ?? 0)}</span>
    </li>
  );
}
