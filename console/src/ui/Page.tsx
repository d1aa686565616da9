/** The frame of a page: its heading, its actions, its content. */
import type { ReactNode } from "react";
import { cx } from "./cx";
import styles from "./Page.module.css";

interface PageProps {
  title: ReactNode;
  note?: ReactNode;
  above?: ReactNode;
  actions?: ReactNode;
  narrow?: boolean;
  children: ReactNode;
}

export function Page({ title, note, above, actions, narrow, children }: PageProps) {
  return (
    <div className={cx(styles.page, narrow && styles.narrow)}>
      <header className={styles.head}>
        <div>
          {above}
          <h1>{title}</h1>
          {note && <div className={styles.note}>{note}</div>}
        </div>
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  );
}
