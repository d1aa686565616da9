/** How months and stretches of them are written: in UTC, as they are billed. */
const month = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
const date = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });

/** "November 2026". */
export const monthName = (at: number) => month.format(at);

/** "1 Nov". */
export const dayName = (at: number) => day.format(at);

/** "1 Nov 2026". */
export const dateName = (at: number | undefined) => (at === undefined ? "–" : date.format(at));

/** "Sun 1 Nov". */
export const weekdayName = (at: number) => weekday.format(at);

const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const dayLength = 86_400_000;

/** "29 Nov, 12:00 UTC". */
export const hourName = (at: number | undefined) => (at === undefined ? "–" : `${clock.format(at)} UTC`);

/** "1 Nov – 30 Nov": the last day that is covered, not the first after it; with the hour where it is not midnight. */
export function spanName(start: number | undefined, end: number | undefined): string {
  if (start === undefined || end === undefined) return "";
  const from = start % dayLength === 0 ? day.format(start) : clock.format(start);
  return `${from} – ${end % dayLength === 0 ? day.format(end - 1) : clock.format(end)}`;
}
