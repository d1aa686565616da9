/** A field for a certificate in PEM form. */
import { useId } from "react";
import { cx } from "../ui/cx";
import styles from "../ui/Field.module.css";

export function PemField({ label, value, error, onChange }: { label: string; value: string; error?: string | undefined; onChange: (value: string) => void }) {
  const id = useId();
  return (
    <div className={styles.field}>
      <label htmlFor={id} className={styles.label}>
        {label}
      </label>
      <textarea id={id} className={cx(styles.control, "mono")} rows={6} spellCheck={false} placeholder="-----BEGIN CERTIFICATE-----" value={value} aria-invalid={error ? true : undefined} aria-describedby={`${id}-note`} onChange={(e) => onChange(e.target.value)} />
      <div id={`${id}-note`} aria-live="polite">
        {error && <p className={styles.error}>{error}</p>}
      </div>
    </div>
  );
}
