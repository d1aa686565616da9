import { expect, test } from "vitest";
import { lastMonths } from "./months";

test("months go back over the end of a year, and begin in UTC", () => {
  const names = lastMonths(Date.parse("2026-01-31T23:59:59Z"), 3).map((at) => new Date(at).toISOString());
  expect(names).toEqual(["2026-01-01T00:00:00.000Z", "2025-12-01T00:00:00.000Z", "2025-11-01T00:00:00.000Z"]);
});
