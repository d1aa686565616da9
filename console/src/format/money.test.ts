import { expect, test } from "vitest";
import { formatMoney } from "./money";

test.each([
  [0n, "EUR", 2, "€0.00"],
  [5n, "EUR", 2, "€0.05"],
  [-125_050n, "USD", 2, "-$1,250.50"],
  [125_050n, "JPY", 0, "¥125,050"],
  [9_007_199_254_740_993n, "EUR", 2, "€90,071,992,547,409.93"],
])("%s of %s is written as money", (minor, currency, digits, want) => expect(formatMoney(minor, currency, digits)).toBe(want));
