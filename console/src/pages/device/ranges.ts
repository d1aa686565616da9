/** The ranges that a device page offers. Pure. */
import type { Range } from "../../api/telemetry";
import { day, hour, minute } from "../../format/time";

export type RangeName = "live" | "15m" | "1h" | "6h" | "24h" | "7d" | "custom";

export const lengths: Record<Exclude<RangeName, "live" | "custom">, number> = { "15m": 15 * minute, "1h": hour, "6h": 6 * hour, "24h": day, "7d": 7 * day };

export interface View {
  name: RangeName;
  /** Where the range ends, or a fixed range; unused while live. */
  range: Range;
}

export function viewOf(name: RangeName, now: number, before: View): View {
  if (name === "live") return { name, range: before.range };
  if (name === "custom") return { name, range: before.name === "live" ? { start: now - hour, end: now } : before.range };
  return { name, range: { start: now - lengths[name], end: now } };
}

/** Points or windows to ask of each series: somewhat more than a chart can show. The server picks the finest windows that fit. */
export const historyLimit = 2_000;

/** A range that can be asked for: the right way round, and not shorter than five seconds. */
export function properRange(a: number, b: number): Range {
  const start = Math.round(Math.min(a, b));
  return { start, end: Math.max(Math.round(Math.max(a, b)), start + 5_000) };
}
