/** A group's query, with what it finds while it is being written. */
import { useEffect, useId, useState } from "react";
import { explain } from "../api/errors";
import { usePreview } from "../api/group";
import { formatCount } from "../format/number";
import { fieldClass } from "../ui/Field";
import { cx } from "../ui/cx";
import fieldStyles from "../ui/Field.module.css";
import styles from "./GroupForm.module.css";

const pause = 350;

export function QueryField({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const id = useId();
  const [asked, setAsked] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(value), pause);
    return () => clearTimeout(timer);
  }, [value]);
  const { data, error, isFetching } = usePreview(asked);
  return (
    <div className={fieldStyles.field}>
      <label htmlFor={id} className={fieldStyles.label}>
        Query
      </label>
      <textarea id={id} className={cx(fieldClass, styles.query)} value={value} maxLength={2000} spellCheck={false} placeholder={'type == "press" && labels.site == "berlin"'} aria-describedby={`${id}-found`} aria-invalid={error ? true : undefined} onChange={(e) => onChange(e.target.value)} />
      <div id={`${id}-found`} aria-live="polite">
        {value.trim() === "" ? (
          <p className={styles.status}>
            A CEL expression that is true for its devices. It knows id, type, status, firmware, location.facility, location.line, location.station and labels.
          </p>
        ) : error ? (
          <p className={cx(styles.status, styles.refused)}>{explain(error).detail}</p>
        ) : data ? (
          <>
            <p className={styles.status}>
              {isFetching ? "Looking… " : ""}Finds {formatCount(data.matching)} of {formatCount(data.total)} devices{data.matching > data.deviceIds.length ? `, the first ${data.deviceIds.length}:` : "."}
            </p>
            <div className={styles.found}>
              {data.deviceIds.map((device) => (
                <code key={device}>{device}</code>
              ))}
            </div>
          </>
        ) : (
          <p className={styles.status}>Looking…</p>
        )}
      </div>
    </div>
  );
}
