/** The last cell of a table's row: its buttons, side by side. */
import type { ReactNode } from "react";
import styles from "./Table.module.css";

export function ActionCell({ children }: { children: ReactNode }) {
  return (
    <td className={styles.end}>
      <div className={styles.buttons}>{children}</div>
    </td>
  );
}
