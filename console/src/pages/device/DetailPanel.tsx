/** What the registry knows of the device. */
import type { Device } from "../../api/device";
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
    ["Added", created === undefined ? "–" : formatDateTime(created)],
    ["Events seen here", formatCount(events)],
  ];
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
