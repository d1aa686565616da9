/** Chooses actions from the permission list: the scopes of a key, what a role may do. */
import { wordsOf } from "../hooks/useSession";
import styles from "./ActionsField.module.css";

interface Props {
  label: string;
  hint?: string;
  /** Those that can be chosen. */
  offered: readonly string[];
  chosen: ReadonlySet<string>;
  onChange: (chosen: ReadonlySet<string>) => void;
  error?: string | undefined;
}

export function ActionsField({ label, hint, offered, chosen, onChange, error }: Props) {
  function toggle(action: string, on: boolean) {
    const next = new Set(chosen);
    if (on) next.add(action);
    else next.delete(action);
    onChange(next);
  }
  return (
    <fieldset className={styles.field}>
      <legend>{label}</legend>
      {hint && <p className={styles.hint}>{hint}</p>}
      <div className={styles.list}>
        {offered.map((action) => (
          <label key={action} className={styles.line}>
            <input type="checkbox" checked={chosen.has(action)} onChange={(e) => toggle(action, e.target.checked)} />
            <span>{wordsOf(action)}</span>
            <code>{action}</code>
          </label>
        ))}
      </div>
      {error && (
        <p className={styles.error} role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}
