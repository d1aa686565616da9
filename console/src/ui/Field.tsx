/** Labelled inputs with a hint and an error that belong to them. */
import { useId, type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes } from "react";
import { cx } from "./cx";
import styles from "./Field.module.css";

interface Labelled {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  optional?: boolean;
  mono?: boolean;
}

export function TextField({ label, hint, error, optional, mono, className, ...rest }: Labelled & InputHTMLAttributes<HTMLInputElement>) {
  const id = useId();
  return (
    <div className={cx(styles.field, className)}>
      <Label id={id} label={label} optional={optional} />
      <input {...rest} id={id} className={cx(styles.control, mono && "mono")} aria-invalid={error ? true : undefined} aria-describedby={`${id}-note`} />
      <Note id={`${id}-note`} hint={hint} error={error} />
    </div>
  );
}

export function SelectField({ label, hint, error, optional, mono: _mono, className, children, ...rest }: Labelled & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <div className={cx(styles.field, className)}>
      <Label id={id} label={label} optional={optional} />
      <select {...rest} id={id} className={cx(styles.control, styles.select)} aria-invalid={error ? true : undefined} aria-describedby={`${id}-note`}>
        {children}
      </select>
      <Note id={`${id}-note`} hint={hint} error={error} />
    </div>
  );
}

/** A select or input inside a toolbar, whose label is only read. */
export function BareSelect({ label, children, className, ...rest }: { label: string } & SelectHTMLAttributes<HTMLSelectElement>) {
  return (
    <select {...rest} aria-label={label} className={cx(styles.control, styles.select, className)}>
      {children}
    </select>
  );
}

function Label({ id, label, optional }: { id: string; label: string; optional: boolean | undefined }) {
  return (
    <label htmlFor={id} className={styles.label}>
      {label} {optional && <span className={styles.optional}>(optional)</span>}
    </label>
  );
}

function Note({ id, hint, error }: { id: string; hint: ReactNode; error: string | undefined }) {
  return (
    <div id={id} aria-live="polite">
      {error ? <p className={styles.error}>{error}</p> : hint && <p className={styles.hint}>{hint}</p>}
    </div>
  );
}

export const fieldClass = styles.control;
