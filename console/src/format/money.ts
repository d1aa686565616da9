/** How money is written and read. Amounts are whole minor units, e.g. cents; nothing here is a float. */

/** 1250n in EUR → "€12.50". */
export function formatMoney(minor: bigint, currency: string, digits: number): string {
  const major = toMajor(minor, digits);
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
  // The decimal text, not a float: Intl keeps every digit of it.
  return format.format(major as Intl.StringNumericLiteral);
}

/** A price of the price book, a decimal number of major units, with all its digits: "0.00004" in EUR → "€0.00004", "0.2" → "€0.20". */
export function formatPrice(price: string, currency: string): string {
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency, minimumFractionDigits: price.includes(".") ? 2 : 0, maximumFractionDigits: 20 });
  return format.format(price as Intl.StringNumericLiteral);
}

/** 1250n with 2 digits → "12.50". */
export function toMajor(minor: bigint, digits: number): string {
  const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, "0");
  const major = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  return minor < 0n ? `-${major}` : major;
}

/** "12.5" with 2 digits → 1250n; undefined when it is no amount above zero with at most so many digits. */
export function toMinor(text: string, digits: number): bigint | undefined {
  const [, whole = "", rest = ""] = /^(\d{1,14})(?:\.(\d*))?$/.exec(text.trim().replaceAll(",", "")) ?? [];
  if (whole === "" || rest.length > digits) return undefined;
  const minor = BigInt(whole + rest.padEnd(digits, "0"));
  return minor > 0n ? minor : undefined;
}

/** What part is of whole, in per mille, rounded down; for bars and percentages. */
export function perMille(part: bigint, whole: bigint): number {
  return whole > 0n && part > 0n ? Number((part * 1000n) / whole) : 0;
}
