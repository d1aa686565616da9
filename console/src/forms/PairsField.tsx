/** Labels or notes: pairs of a key and a value, as lines that can be added and taken away. */
import { Button, IconButton } from "../ui/Button";
import { fieldClass } from "../ui/Field";
import styles from "./form.module.css";

export type Pair = [key: string, value: string];

interface PairsFieldProps {
  label: string;
  pairs: Pair[];
  most: number;
  longest: number;
  onChange: (pairs: Pair[]) => void;
}

export function PairsField({ label, pairs, most, longest, onChange }: PairsFieldProps) {
  const set = (at: number, pair: Pair) => onChange(pairs.map((p, i) => (i === at ? pair : p)));
  return (
    <fieldset className={styles.pairs}>
      <legend>{label}</legend>
      {pairs.map(([key, value], i) => (
        <div key={i} className={styles.pair}>
          <input className={fieldClass} aria-label={`${label}, key ${i + 1}`} placeholder="key" maxLength={63} value={key} onChange={(e) => set(i, [e.target.value, value])} />
          <input className={fieldClass} aria-label={`${label}, value ${i + 1}`} placeholder="value" maxLength={longest} value={value} onChange={(e) => set(i, [key, e.target.value])} />
          <IconButton label={`Remove ${key || `line ${i + 1}`}`} icon="trash" onClick={() => onChange(pairs.filter((_, j) => j !== i))} />
        </div>
      ))}
      <div>
        <Button size="small" icon="plus" onClick={() => onChange([...pairs, ["", ""]])} disabledReason={pairs.length >= most ? `At most ${most}.` : undefined}>
          Add
        </Button>
      </div>
    </fieldset>
  );
}

/** The pairs as the server takes them; lines without a key are left out. */
export const asRecord = (pairs: Pair[]): Record<string, string> => Object.fromEntries(pairs.filter(([key]) => key.trim() !== "").map(([key, value]) => [key.trim(), value]));

export const asPairs = (record: Record<string, string>): Pair[] => Object.entries(record).sort(([a], [b]) => a.localeCompare(b));
