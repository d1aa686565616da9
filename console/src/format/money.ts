/** How money is written. Amounts are whole minor units, e.g. cents. */

/** 1250n in EUR → "€12.50". */
export function formatMoney(minor: bigint, currency: string, digits: number): string {
  const text = (minor < 0n ? -minor : minor).toString().padStart(digits + 1, "0");
  const major = digits === 0 ? text : `${text.slice(0, -digits)}.${text.slice(-digits)}`;
  const format = new Intl.NumberFormat("en-US", { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits });
  // The decimal text, not a float: Intl keeps every digit of it.
  return format.format((minor < 0n ? `-${major}` : major) as Intl.StringNumericLiteral);
}
