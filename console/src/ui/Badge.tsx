/** A state in one word, with a mark whose shape says it without colour. */
import type { ReactNode } from "react";
import styles from "./Badge.module.css";
import { cx } from "./cx";

export type Tone = "steel" | "accent" | "brass" | "rust";

export function Badge({ tone = "steel", pulse, hollow, children }: { tone?: Tone; pulse?: boolean; hollow?: boolean; children: ReactNode }) {
  return (
    <span className={cx(styles.badge, styles[tone], pulse && styles.pulse, hollow && styles.hollow)}>
      <span className={styles.dot} aria-hidden="true" />
      {children}
    </span>
  );
}
