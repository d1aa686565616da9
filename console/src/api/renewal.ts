/** When to renew a token that expires then: at three quarters of its life, and never in a tight loop on a wrong clock. */
export function renewalTime(now: number, expires: number | undefined): number {
  const life = expires === undefined ? 0 : expires - now;
  return now + Math.max(20_000, Math.min(life * 0.75, 60 * 60_000));
}
