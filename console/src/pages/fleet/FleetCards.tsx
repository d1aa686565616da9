/** The fleet as cards: the phone's view. */
import { Link } from "react-router";
import { Sparkline } from "../../charts/Sparkline";
import { formatAgo } from "../../format/time";
import { measurementTitle } from "../../format/unit";
import { paths } from "../../paths";
import { StateBadge } from "../../ui/StateBadge";
import { Check } from "./Check";
import styles from "./Fleet.module.css";
import { Newest, type SelectionProps } from "./FleetTable";
import type { Row } from "./rows";

export function FleetCards({ rows, now, selected, onToggle }: { rows: Row[]; now: number } & SelectionProps) {
  return (
    <ul className={styles.cards}>
      {rows.map((row) => (
        <li key={row.id} className={styles.card} data-selected={selected.has(row.id) || undefined}>
          <div className={styles.cardHead}>
            <Check label={`Select ${row.id}`} checked={selected.has(row.id)} onChange={(on) => onToggle([row.id], on)} />
            <Link className={styles.id} to={paths.device({ device: row.id })}>
              {row.id}
            </Link>
            <StateBadge state={row.state} />
          </div>
          <div className={styles.cardContent}>
            <div className={styles.cardBody}>
              <div>
                <Newest row={row} />
              </div>
              <Sparkline values={row.sparkline} width={112} label={`${measurementTitle(row.measurement)}, last 30 minutes`} />
            </div>
            <div className={styles.cardFoot}>
              <span>{[row.facility, row.place].filter(Boolean).join(" / ") || measurementTitle(row.type)}</span>
              <span>{row.lastSeen === undefined ? "no message yet" : formatAgo(row.lastSeen, now)}</span>
            </div>
          </div>
        </li>
      ))}
    </ul>
  );
}
