/** One choice of a few, all in sight. */
import type { ReactNode } from "react";
import styles from "./Segmented.module.css";

export interface Choice<T extends string> {
  value: T;
  label: ReactNode;
  count?: number;
}

interface SegmentedProps<T extends string> {
  label: string;
  choices: ReadonlyArray<Choice<T>>;
  value: T;
  onChange: (value: T) => void;
}

export function Segmented<T extends string>({ label, choices, value, onChange }: SegmentedProps<T>) {
  return (
    <div className={styles.group} role="group" aria-label={label}>
      {choices.map((choice) => (
        <button key={choice.value} type="button" className={styles.item} aria-pressed={choice.value === value} onClick={() => onChange(choice.value)}>
          {choice.label}
          {choice.count !== undefined && <span className={styles.count}>{choice.count}</span>}
        </button>
      ))}
    </div>
  );
}
