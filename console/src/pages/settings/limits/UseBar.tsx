/** How much of a limit is used: a bar where it is counted, the figure where it is not. */
import { LimitKind, type Limit } from "../../../api/limit";
import { formatCompact, formatCount, formatPercent } from "../../../format/number";
import styles from "./Limits.module.css";

export function UseBar({ limit }: { limit: Limit }) {
  if (limit.unlimited) return <span className={styles.quiet}>No limit of its own</span>;
  const maximum = Number(limit.maximum);
  if (limit.used === undefined) {
    const still = limit.kind === LimitKind.SIZE || limit.scope !== "tenant";
    return (
      <span className={styles.quiet}>
        {still ? "Up to" : "Nothing lately, up to"} {formatCount(maximum)} {limit.unit}
      </span>
    );
  }
  const used = Number(limit.used);
  const share = maximum > 0 ? used / maximum : 1;
  return (
    <div className={styles.use}>
      <div className={styles.bar} data-level={share >= 1 ? "over" : share >= 0.8 ? "near" : "fine"} role="progressbar" aria-label={`${limit.title} in use`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.min(100, Math.round(share * 100))}>
        <span style={{ width: `${Math.min(100, share * 100)}%` }} />
      </div>
      <span>
        <strong>{formatCompact(used)}</strong> of {formatCompact(maximum)} {limit.unit} ({formatPercent(share)})
      </span>
    </div>
  );
}
