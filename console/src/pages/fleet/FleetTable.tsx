/** The fleet as a table: the desk's view. */
import { Link } from "react-router";
import { Sparkline } from "../../charts/Sparkline";
import { formatValue } from "../../format/number";
import { formatAgo, formatDateTime } from "../../format/time";
import { measurementTitle, shownIn } from "../../format/unit";
import { useUnits } from "../../hooks/useSession";
import { paths } from "../../paths";
import { cx } from "../../ui/cx";
import { StateBadge } from "../../ui/StateBadge";
import table from "../../ui/Table.module.css";
import styles from "./Fleet.module.css";
import type { Row } from "./rows";

export function FleetTable({ rows, now }: { rows: Row[]; now: number }) {
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Device</th>
          <th scope="col">Status</th>
          <th scope="col">Type</th>
          <th scope="col">Location</th>
          <th scope="col">Last seen</th>
          <th scope="col" className={table.number}>
            Newest value
          </th>
          <th scope="col">Last 30 minutes</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} className={styles.row}>
            <td>
              <Link className={styles.id} to={paths.device({ device: row.id })}>
                {row.id}
              </Link>
              {row.labels.length > 0 && <div className={styles.place}>{row.labels.slice(0, 3).join(" · ")}</div>}
            </td>
            <td>
              <StateBadge state={row.state} />
            </td>
            <td className={table.muted}>{measurementTitle(row.type)}</td>
            <td>
              {row.facility || <span className={table.muted}>–</span>}
              {row.place && <div className={styles.place}>{row.place}</div>}
            </td>
            <td className={cx(table.muted, table.nowrap)}>{row.lastSeen === undefined ? "–" : <time title={formatDateTime(row.lastSeen)}>{formatAgo(row.lastSeen, now)}</time>}</td>
            <td className={table.number}>
              <Newest row={row} />
            </td>
            <td>
              <Sparkline values={row.sparkline} label={`${measurementTitle(row.measurement)}, last 30 minutes`} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Newest({ row }: { row: Row }) {
  const { unit, show } = shownIn(row.measurement, useUnits());
  if (row.value === undefined) return <span className={table.muted}>–</span>;
  return (
    <>
      <span className={styles.value}>
        {formatValue(show(row.value))}
        {unit && <small> {unit}</small>}
      </span>
      <div className={styles.place}>{measurementTitle(row.measurement)}</div>
    </>
  );
}
