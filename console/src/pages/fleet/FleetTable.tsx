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
import type { Row, SortBy } from "./rows";

interface FleetTableProps {
  rows: Row[];
  now: number;
  sort: { by: SortBy; down: boolean };
  onSort: (by: SortBy) => void;
}

export function FleetTable({ rows, now, sort, onSort }: FleetTableProps) {
  const head = (by: SortBy, label: string) => (
    <th scope="col" aria-sort={sort.by === by ? (sort.down ? "descending" : "ascending") : undefined}>
      <button type="button" className={styles.sort} onClick={() => onSort(by)}>
        {label}
        <span aria-hidden="true">{sort.by === by ? (sort.down ? "↓" : "↑") : ""}</span>
      </button>
    </th>
  );
  return (
    <table className={table.table}>
      <thead>
        <tr>
          {head("id", "Device")}
          {head("state", "Status")}
          {head("type", "Type")}
          {head("place", "Location")}
          {head("lastSeen", "Last seen")}
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
