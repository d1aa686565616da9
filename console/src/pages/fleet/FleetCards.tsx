/** The fleet as cards: the phone's view. */
import { Link } from "react-router";
import { Sparkline } from "../../charts/Sparkline";
import { formatAgo } from "../../format/time";
import { measurementTitle } from "../../format/unit";
import { paths } from "../../paths";
import { StateBadge } from "../../ui/StateBadge";
import styles from "./Fleet.module.css";
import { Newest } from "./FleetTable";
import type { Row } from "./rows";

export function FleetCards({ rows, now }: { rows: Row[]; now: number }) {
  return (
    <ul className={styles.cards}>
      {rows.map((row) => (
        <li key={row.id}>
          <Link className={styles.card} to={paths.device({ device: row.id })}>
            <div className={styles.cardHead}>
              <span className={styles.id}>{row.id}</span>
              <StateBadge state={row.state} />
            </div>
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
          </Link>
        </li>
      ))}
    </ul>
  );
}
