/** How instants and durations are written. "Now" always comes in, so that a test and a ticking page agree. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { inZone } from "./zone";

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

/** Milliseconds since 1970, or undefined when the field is unset. */
export function millis(t: Timestamp | undefined): number | undefined {
  if (!t) return undefined;
  return Number(t.seconds) * 1000 + Math.floor(t.nanos / 1e6);
}

/** "4 s ago", "3 min ago", "2 h ago", "5 d ago"; "just now" under two seconds and for small clock differences. */
export function formatAgo(at: number, now: number): string {
  const age = now - at;
  if (age < 2 * second) return "just now";
  return `${formatDuration(age)} ago`;
}

/** The largest whole unit: "45 s", "12 min", "3 h", "9 d". */
export function formatDuration(ms: number): string {
  if (ms < minute) return `${Math.floor(ms / second)} s`;
  if (ms < hour) return `${Math.floor(ms / minute)} min`;
  if (ms < 2 * day) return `${Math.floor(ms / hour)} h`;
  return `${Math.floor(ms / day)} d`;
}

/** How long something quick took: "0.4 ms", "12 ms", "1.2 s", "45 s"; longer as formatDuration; a dash for nothing. */
export function formatLatency(ms: number | undefined): string {
  if (ms === undefined) return "–";
  if (ms >= 10 * second) return formatDuration(ms);
  if (ms >= second) return `${(ms / second).toFixed(1)} s`;
  if (ms >= 10 || ms === 0) return `${Math.round(ms)} ms`;
  return `${ms.toFixed(ms < 0.1 ? 3 : 1)} ms`;
}

/** "in 89 d" or "12 d ago". */
export function formatUntil(at: number, now: number): string {
  return at >= now ? `in ${formatDuration(at - now)}` : `${formatDuration(now - at)} ago`;
}

/** "24 Nov 2026, 10:30:00", in the page's zone. */
export const formatDateTime = inZone({ day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** "24 Nov 2026". */
export const formatDate = inZone({ day: "2-digit", month: "short", year: "numeric" });

/** "10:30:00". */
export const formatTime = inZone({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** "10:30". */
export const formatClock = inZone({ hour: "2-digit", minute: "2-digit" });

/** "24 Nov". */
export const formatDay = inZone({ day: "numeric", month: "short" });

/** "24 Nov, 10:30". */
export const formatHour = inZone({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const parts = inZone({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** How far the zone is ahead of UTC at an instant. */
function ahead(at: number): number {
  const [, day, month, year, clock] = /^(\d+)\/(\d+)\/(\d+), (.+)$/.exec(parts(at)) ?? [];
  return Date.parse(`${year}-${month}-${day}T${clock}Z`) - Math.floor(at / second) * second;
}

/** The value of a `datetime-local` input. */
export function toLocalInput(at: number): string {
  return new Date(at + ahead(at)).toISOString().slice(0, 16);
}

/** The instant that a `datetime-local` input says; NaN when it says none. */
export function fromLocalInput(text: string): number {
  const clock = Date.parse(`${text}Z`);
  if (!Number.isFinite(clock)) return NaN;
  // Around a change of the clocks the first guess may be on its other side.
  return clock - ahead(clock - ahead(clock));
}
