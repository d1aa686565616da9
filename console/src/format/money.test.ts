import { expect, test } from "vitest";
import { formatMoney, formatPrice, perMille, toMajor, toMinor } from "./money";

test.each([
  [0n, "EUR", 2, "€0.00"],
  [5n, "EUR", 2, "€0.05"],
  [-125_050n, "USD", 2, "-$1,250.50"],
  [125_050n, "JPY", 0, "¥125,050"],
  [9_007_199_254_740_993n, "EUR", 2, "€90,071,992,547,409.93"],
])("%s of %s is written as money", (minor, currency, digits, want) => expect(formatMoney(minor, currency, digits)).toBe(want));

test.each([
  ["12.5", 2, 1250n],
  ["12", 2, 1200n],
  ["1,250.00", 2, 125_000n],
  ["0.01", 2, 1n],
  ["1250", 0, 1250n],
  ["12.505", 2, undefined],
  ["12.5", 0, undefined],
  ["0", 2, undefined],
  ["-1", 2, undefined],
  ["1e3", 2, undefined],
  ["", 2, undefined],
])("%j with %i digits is read as %s", (text, digits, want) => {
  expect(toMinor(text, digits)).toBe(want);
});

test("prices keep their digits, shares are whole", () => {
  expect(formatPrice("0.00004", "EUR")).toBe("€0.00004");
  expect(formatPrice("90", "EUR")).toBe("€90");
  expect(formatPrice("0.2", "EUR")).toBe("€0.20");
  expect(toMajor(-5n, 2)).toBe("-0.05");
  expect(perMille(333n, 1000n)).toBe(333);
  expect(perMille(1n, 0n)).toBe(0);
});
