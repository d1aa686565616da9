/** How counts and sizes are written. Everything takes bigint, because the usage ledger counts in uint64. */

const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const units = ["B", "kB", "MB", "GB", "TB", "PB"];

/** 1234567 → "1,234,567". */
export function formatCount(n: number | bigint): string {
  return grouped.format(n);
}

/** 1234567 → "1.23 M". Below 10,000 the whole number. */
export function formatCompact(n: number | bigint): string {
  const value = Number(n);
  const size = Math.abs(value);
  if (size < 10_000) return grouped.format(value);
  for (const [limit, suffix] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (size >= limit) return `${threeDigits(value / limit)} ${suffix}`;
  }
  return grouped.format(value);
}

/** 1536 → "1.54 kB": decimal units, as disks and networks are sold. */
export function formatBytes(n: number | bigint): string {
  let value = Number(n);
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return unit === 0 ? `${value} B` : `${threeDigits(value)} ${units[unit]}`;
}

/** A measured value with about four significant digits and no exponent in the usual range, or with so many decimals. */
export function formatValue(value: number | null | undefined, decimals?: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (decimals !== undefined) return new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.0001 || size >= 1e9)) return value.toExponential(2);
  if (size >= 1000) return new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 }).format(value);
  if (size >= 100) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  if (size === 0) return "0";
  return value.toFixed(size >= 0.1 ? 3 : 4);
}

/** 0.4567 → "45.7 %". */
export function formatPercent(ratio: number): string {
  const percent = ratio * 100;
  if (percent > 0 && percent < 0.1) return "under 0.1 %";
  return `${percent >= 100 || percent === 0 ? Math.round(percent) : percent.toFixed(1)} %`;
}

function threeDigits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
