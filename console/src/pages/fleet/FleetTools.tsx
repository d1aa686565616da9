/** Search and filters of the fleet. */
import { BareSelect, fieldClass } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Segmented } from "../../ui/Segmented";
import styles from "./Fleet.module.css";
import { filterRows, type Filter, type Row, type State } from "./rows";

interface FleetToolsProps {
  rows: Row[];
  counts: Record<State | "all", number>;
  filter: Filter;
  onChange: (next: Partial<Filter>) => void;
}

export function FleetTools({ rows, counts, filter, onChange }: FleetToolsProps) {
  const facilities = [...new Set(rows.map((r) => r.facility).filter(Boolean))].sort();
  const found = filterRows(rows, filter).length;
  return (
    <div className={styles.tools} role="search">
      <Segmented
        label="Status"
        value={filter.state}
        onChange={(state) => onChange({ state })}
        choices={[
          { value: "all", label: "All", count: counts.all },
          { value: "live", label: "Live", count: counts.live },
          { value: "stale", label: "Stale", count: counts.stale },
          { value: "never", label: "Never seen", count: counts.never },
          { value: "suspended", label: "Suspended", count: counts.suspended },
        ]}
      />
      <div className={styles.search}>
        <Icon name="search" size={18} />
        <input className={fieldClass} type="search" aria-label="Search devices" placeholder="Search id, type, line, station" value={filter.text} onChange={(e) => onChange({ text: e.target.value })} />
      </div>
      {facilities.length > 1 && (
        <BareSelect label="Facility" className={styles.facility} value={filter.facility} onChange={(e) => onChange({ facility: e.target.value })}>
          <option value="">All facilities</option>
          {facilities.map((f) => (
            <option key={f}>{f}</option>
          ))}
        </BareSelect>
      )}
      <p className={styles.count} aria-live="polite">
        {found === rows.length ? "" : `${found} of ${rows.length}`}
      </p>
    </div>
  );
}
