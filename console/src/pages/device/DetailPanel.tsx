/** What the registry knows of the device. */
import type { Device } from "../../api/device";
import { asPairs } from "../../forms/PairsField";
import { formatCount } from "../../format/number";
import { formatDateTime, millis } from "../../format/time";
import { Panel } from "../../ui/Panel";
import styles from "./Device.module.css";

export function DetailPanel({ device, events, missed }: { device: Device; events: number; missed: number }) {
  const created = millis(device.createdAt);
  const lines: Array<[string, string]> = [
    ["Type", device.deviceType],
    ["Facility", device.location?.facility || "–"],
    ["Line", device.location?.line || "–"],
    ["Station", device.location?.station || "–"],
    ["Firmware", device.firmware || "–"],
    ...asPairs(device.labels).map(([key, value]): [string, string] => [`Label ${key}`, value || "–"]),
    ...asPairs(device.metadata),
    ["Added", created === undefined ? "–" : formatDateTime(created)],
    ["Events seen here", formatCount(events)],
  ];
  const retired = millis(device.retiredAt);
  if (retired !== undefined) lines.push(["Retired", formatDateTime(retired)]);
  if (missed > 0) lines.push(["Skipped, reader too slow", formatCount(missed)]);
  return (
    <Panel title="Details" flush>
      <dl className={styles.values}>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
