/** The fleet as a table: the desk's view. */
import { Link } from "react-router";
import { DeviceOrder } from "../../api/device";
import { Sparkline } from "../../charts/Sparkline";
import { formatValue } from "../../format/number";
import { formatAgo, formatDateTime } from "../../format/time";
import { measurementTitle, shownIn } from "../../format/unit";
import { useUnits } from "../../hooks/useSession";
import { paths } from "../../paths";
import { cx } from "../../ui/cx";
import { StateBadge } from "../../ui/StateBadge";
import table from "../../ui/Table.module.css";
import bulk from "./Bulk.module.css";
import { Check } from "./Check";
import styles from "./Fleet.module.css";
import type { Row } from "./rows";

interface FleetTableProps extends SelectionProps {
  rows: Row[];
  now: number;
  order: DeviceOrder;
  descending: boolean;
  onOrder: (order: DeviceOrder, descending: boolean) => void;
}

export interface SelectionProps {
  selected: ReadonlySet<string>;
  onToggle: (ids: string[], on: boolean) => void;
}

export function FleetTable({ rows, now, order, descending, onOrder, selected, onToggle }: FleetTableProps) {
  const chosen = rows.filter((row) => selected.has(row.id)).length;
  const sorted = (by: DeviceOrder, label: string) => (
    <th scope="col" aria-sort={order === by ? (descending ? "descending" : "ascending") : "none"}>
      <button type="button" className={styles.sort} onClick={() => onOrder(by, order === by && !descending)}>
        {label}
        <span aria-hidden="true">{order === by ? (descending ? " ↓" : " ↑") : ""}</span>
      </button>
    </th>
  );
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col" className={bulk.cell}>
            <Check label="Select all of this page" checked={chosen === rows.length} some={chosen > 0} onChange={(on) => onToggle(rows.map((row) => row.id), on)} />
          </th>
          {sorted(DeviceOrder.UNSPECIFIED, "Device")}
          <th scope="col">Status</th>
          {sorted(DeviceOrder.TYPE, "Type")}
          {sorted(DeviceOrder.LOCATION, "Location")}
          <th scope="col">Last seen</th>
          <th scope="col" className={table.number}>
            Newest value
          </th>
          <th scope="col">Last 30 minutes</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} className={styles.row} data-selected={selected.has(row.id) || undefined}>
            <td className={bulk.cell}>
              <Check label={`Select ${row.id}`} checked={selected.has(row.id)} onChange={(on) => onToggle([row.id], on)} />
            </td>
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
