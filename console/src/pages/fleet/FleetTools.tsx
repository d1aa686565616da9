/** Search and filters of the fleet; the server does the finding. */
import type { DeviceFilter } from "../../api/device";
import { useDeviceTypes } from "../../api/devicetype";
import { namesIn, usePlaces } from "../../api/facility";
import { measurementTitle } from "../../format/unit";
import { BareSelect, fieldClass } from "../../ui/Field";
import { Icon } from "../../ui/Icon";
import { Segmented } from "../../ui/Segmented";
import styles from "./Fleet.module.css";
import { shows } from "./filter";

export function FleetTools({ filter, onChange }: { filter: DeviceFilter; onChange: (next: Partial<DeviceFilter>) => void }) {
  const places = usePlaces().data?.places ?? [];
  const types = useDeviceTypes().data?.deviceTypes ?? [];
  const lines = filter.facility ? namesIn(places, [filter.facility]) : [];
  return (
    <div className={styles.tools} role="search">
      <Segmented
        label="Status"
        value={filter.show}
        onChange={(show) => onChange({ show })}
        choices={shows}
      />
      <div className={styles.search}>
        <Icon name="search" size={18} />
        <input className={fieldClass} type="search" aria-label="Search devices" placeholder="Part of a device id" maxLength={63} value={filter.query} onChange={(e) => onChange({ query: e.target.value })} />
      </div>
      {types.length > 1 && (
        <BareSelect label="Device type" className={styles.facility} value={filter.deviceType} onChange={(e) => onChange({ deviceType: e.target.value })}>
          <option value="">All types</option>
          {types.map((t) => (
            <option key={t.deviceType} value={t.deviceType}>
              {measurementTitle(t.deviceType)}
            </option>
          ))}
        </BareSelect>
      )}
      {places.length > 0 && (
        <BareSelect label="Facility" className={styles.facility} value={filter.facility} onChange={(e) => onChange({ facility: e.target.value, line: "" })}>
          <option value="">All facilities</option>
          {namesIn(places, []).map((name) => (
            <option key={name}>{name}</option>
          ))}
        </BareSelect>
      )}
      {lines.length > 0 && (
        <BareSelect label="Line" className={styles.facility} value={filter.line} onChange={(e) => onChange({ line: e.target.value })}>
          <option value="">All lines</option>
          {lines.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </BareSelect>
      )}
      <input className={`${fieldClass} ${styles.facility}`} aria-label="Label" placeholder="Label, e.g. shift=day" maxLength={192} value={filter.label} onChange={(e) => onChange({ label: e.target.value })} />
    </div>
  );
}
