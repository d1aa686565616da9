/** What stands where content is not: still loading, nothing there, or failed. */
import type { ReactNode } from "react";
import { cx } from "./cx";
import { Button } from "./Button";
import { Icon, type IconName } from "./Icon";
import styles from "./States.module.css";

export function Skeleton({ width = "100%", height = 16 }: { width?: number | string; height?: number | string }) {
  return <span className={styles.skeleton} style={{ width, height }} aria-hidden="true" />;
}

/** Rows of a table or list that is on its way. */
export function SkeletonRows({ rows = 5, height = 20 }: { rows?: number; height?: number }) {
  return (
    <div style={{ display: "grid", gap: 20, padding: "20px" }} role="status">
      <span className="visually-hidden">Loading</span>
      {Array.from({ length: rows }, (_, i) => (
        <Skeleton key={i} height={height} width={`${92 - ((i * 17) % 35)}%`} />
      ))}
    </div>
  );
}

interface EmptyProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  compact?: boolean;
}

export function Empty({ icon, title, children, action, compact }: EmptyProps) {
  return (
    <div className={cx(styles.empty, compact && styles.compact)}>
      <div className={styles.art}>
        <Icon name={icon} size={compact ? 20 : 26} />
      </div>
      <h3>{title}</h3>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

interface ErrorPanelProps {
  title: string;
  detail: string;
  onRetry?: (() => void) | undefined;
}

export function ErrorPanel({ title, detail, onRetry }: ErrorPanelProps) {
  return (
    <div className={styles.error} role="alert">
      <Icon name="warning" />
      <div>
        <h3>{title}</h3>
        <p>{detail}</p>
      </div>
      {onRetry && (
        <Button icon="refresh" onClick={onRetry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** A remark that belongs to what stands beside it. */
export function Notice({ tone = "steel", icon = "info", children }: { tone?: "steel" | "brass" | "rust" | "accent"; icon?: IconName; children: ReactNode }) {
  return (
    <div className={cx(styles.notice, styles[tone])}>
      <Icon name={icon} size={18} />
      <div>{children}</div>
    </div>
  );
}
