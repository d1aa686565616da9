/** Usage by the hour, or put together by UTC day where hours would be too many to see. Pure. */
import { day, millis } from "../format/time";
import type { Hour } from "../api/usage";

export interface Bin {
  start: number;
  value: number;
}

export function byHour(hours: Hour[]): Bin[] {
  return hours.map((h) => ({ start: millis(h.start) ?? 0, value: Number(h.events) }));
}

export function byDay(hours: Hour[]): Bin[] {
  const days = new Map<number, number>();
  for (const hour of hours) {
    const start = Math.floor((millis(hour.start) ?? 0) / day) * day;
    days.set(start, (days.get(start) ?? 0) + Number(hour.events));
  }
  return [...days].map(([start, value]) => ({ start, value })).sort((a, b) => a.start - b.start);
}

/** Round numbers for the axis: from zero to at least the highest, in two to five steps. */
export function axisTicks(highest: number): number[] {
  if (highest <= 0) return [0, 1];
  const rough = highest / 3;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((m) => m * magnitude).find((s) => s >= rough) ?? rough);
  const ticks = [];
  for (let v = 0; v < highest + step; v += step) ticks.push(v);
  return ticks;
}
