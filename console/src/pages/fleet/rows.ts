/** What the fleet shows of each device: registry, newest values and live events put together. Pure. */
import { DeviceStatus, type Device } from "../../api/device";
import type { DeviceLatest } from "../../api/telemetry";
import { millis, minute } from "../../format/time";
import type { LiveDevice } from "../../live/slice";

export type State = "live" | "stale" | "never" | "suspended";

/** Heard within this time counts as live; the slowest of the common sensors sends once a minute. */
export const liveWithin = 2 * minute;

export interface Row {
  id: string;
  type: string;
  facility: string;
  place: string;
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
      state: stateOf(device.status, lastSeen, now),
      lastSeen,
      measurement,
      value: heard?.values[measurement] ?? known?.values[measurement],
      sparkline: known?.sparkline ?? [],
    };
  });
}

export function stateOf(status: DeviceStatus, lastSeen: number | undefined, now: number): State {
  if (status === DeviceStatus.SUSPENDED) return "suspended";
  if (lastSeen === undefined) return "never";
  return now - lastSeen <= liveWithin ? "live" : "stale";
}

function newest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

export interface Filter {
  text: string;
  facility: string;
  state: State | "all";
}

/** The rows that match all of the filter; every word of the text must occur somewhere in the row. */
export function filterRows(rows: Row[], { text, facility, state }: Filter): Row[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter((row) => {
    if (facility !== "" && row.facility !== facility) return false;
    if (state !== "all" && row.state !== state) return false;
    const haystack = `${row.id} ${row.type} ${row.facility} ${row.place}`.toLowerCase();
    return words.every((word) => haystack.includes(word));
  });
}

export type SortBy = "id" | "type" | "place" | "state" | "lastSeen";

const stateOrder: Record<State, number> = { suspended: 0, stale: 1, never: 2, live: 3 };

export function sortRows(rows: Row[], by: SortBy, down: boolean): Row[] {
  const sign = down ? -1 : 1;
  return rows.toSorted((a, b) => sign * (compare(a, b, by) || a.id.localeCompare(b.id)));
}

function compare(a: Row, b: Row, by: SortBy): number {
  if (by === "state") return stateOrder[a.state] - stateOrder[b.state];
  if (by === "lastSeen") return (b.lastSeen ?? 0) - (a.lastSeen ?? 0);
  if (by === "place") return `${a.facility} ${a.place}`.localeCompare(`${b.facility} ${b.place}`);
  return a[by].localeCompare(b[by]);
}

export function countStates(rows: Row[]): Record<State | "all", number> {
  const counts = { all: rows.length, live: 0, stale: 0, never: 0, suspended: 0 };
  for (const row of rows) counts[row.state]++;
  return counts;
}
