/** A sheet of the page with its own heading. */
import { useId, type ReactNode } from "react";
import { cx } from "./cx";
import styles from "./Panel.module.css";

interface PanelProps {
  title?: string;
  note?: ReactNode;
  actions?: ReactNode;
  /** The content reaches the sheet's edges, as a table does. */
  flush?: boolean;
  className?: string | undefined;
  children: ReactNode;
}

export function Panel({ title, note, actions, flush, className, children }: PanelProps) {
  const id = useId();
  return (
    <section className={cx(styles.panel, className)} aria-labelledby={title ? id : undefined}>
      {title && (
        <header className={styles.head}>
          <div>
            <h2 id={id}>{title}</h2>
            {note && <p>{note}</p>}
          </div>
          {actions && <div className={styles.actions}>{actions}</div>}
        </header>
      )}
      <div className={flush ? styles.flush : styles.body}>{children}</div>
    </section>
  );
}
