/** The UTC months that operators can choose from. */

/** The starts of so many months, the newest first, beginning with that of now. */
export function lastMonths(now: number, count: number): number[] {
  const at = new Date(now);
  return Array.from({ length: count }, (_, back) => Date.UTC(at.getUTCFullYear(), at.getUTCMonth() - back, 1));
}
