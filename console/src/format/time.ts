/** How instants and durations are written. "Now" always comes in, so that a test and a ticking page agree. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";

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

/** "in 89 d" or "12 d ago". */
export function formatUntil(at: number, now: number): string {
  return at >= now ? `in ${formatDuration(at - now)}` : `${formatDuration(now - at)} ago`;
}

const dateTime = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dateOnly = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", year: "numeric" });
const timeOnly = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** "24 Nov 2026, 10:30:00", in the reader's zone. */
export function formatDateTime(at: number): string {
  return dateTime.format(at);
}

/** "24 Nov 2026". */
export function formatDate(at: number): string {
  return dateOnly.format(at);
}

/** "10:30:00". */
export function formatTime(at: number): string {
  return timeOnly.format(at);
}

/** The value of a `datetime-local` input. */
export function toLocalInput(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * minute);
  return shifted.toISOString().slice(0, 16);
}
