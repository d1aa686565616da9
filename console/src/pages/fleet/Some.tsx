/** The first of the devices that something is about to be done to. */
import { formatCount } from "../../format/number";
import styles from "./Bulk.module.css";

const shown = 6;

export function Some({ deviceIds }: { deviceIds: string[] }) {
  return (
    <p className={styles.some}>
      {deviceIds.slice(0, shown).map((id) => (
        <code key={id}>{id}</code>
      ))}
      {deviceIds.length > shown && <span>and {formatCount(deviceIds.length - shown)} more</span>}
    </p>
  );
}
