/** What the fleet shows of each device: registry, newest values and live events put together. Pure. */
import { DeviceStatus, type Device } from "../../api/device";
import type { DeviceLatest } from "../../api/telemetry";
import { millis, minute } from "../../format/time";
import type { LiveDevice } from "../../live/slice";

export type State = "live" | "stale" | "never" | "cut" | "suspended" | "retired";

/** Heard within this time counts as live; the slowest of the common sensors sends once a minute. */
export const liveWithin = 2 * minute;

export interface Row {
  id: string;
  type: string;
  facility: string;
  place: string;
  labels: string[];
  state: State;
  lastSeen: number | undefined;
  measurement: string;
  value: number | undefined;
  sparkline: number[];
}

export function buildRows(devices: Device[], latest: DeviceLatest[], live: Record<string, LiveDevice>, now: number): Row[] {
  const byId = new Map(latest.map((l) => [l.deviceId, l]));
  return devices.map((device) => {
    const known = byId.get(device.deviceId);
    const heard = live[device.deviceId];
    const lastSeen = newest(millis(known?.receivedAt), heard?.received);
    const measurement = known?.sparklineMeasurement || Object.keys(known?.values ?? heard?.values ?? {}).sort()[0] || "";
    return {
      id: device.deviceId,
      type: device.deviceType,
      facility: device.location?.facility ?? "",
      place: [device.location?.line, device.location?.station].filter(Boolean).join(" / "),
      labels: Object.entries(device.labels)
        .map(([key, value]) => (value ? `${key}=${value}` : key))
        .sort(),
      state: stateOf(device.status, lastSeen, now),
      lastSeen,
      measurement,
      value: heard?.values[measurement] ?? known?.values[measurement],
      sparkline: known?.sparkline ?? [],
    };
  });
}

export function stateOf(status: DeviceStatus, lastSeen: number | undefined, now: number): State {
  if (status === DeviceStatus.RETIRED) return "retired";
  if (status === DeviceStatus.SUSPENDED) return "suspended";
  if (lastSeen === undefined) return "never";
  return now - lastSeen <= liveWithin ? "live" : "stale";
}

function newest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}
