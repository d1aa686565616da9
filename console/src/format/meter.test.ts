import { expect, test } from "vitest";
import { formatPer, formatQuantity, meterName, meterUnit } from "./meter";

test.each([
  [0n, "events", "0"],
  [1_234_567n, "events", "1,234,567"],
  [2_500_000_000n, "storage_raw", "2.5"],
  [1n, "storage_raw", "0"],
  [1_999_999_999n, "storage_raw", "1.999"],
  [18_446_744_073_709_551_615n, "points", "18,446,744,073,709,551,615"],
  [90_000n, "live_minutes", "1.5"],
])("%s of %s is %s", (quantity, meter, want) => {
  expect(formatQuantity(quantity, meter)).toBe(want);
});

test("what a price is for", () => {
  expect(formatPer(1_000_000n, "events")).toBe("1,000,000 events");
  expect(formatPer(1n, "device_hours")).toBe("device-hour");
  expect(formatPer(1_000_000_000n, "storage_raw")).toBe("GB-hour");
  expect(meterName("some_thing")).toBe("Some thing");
  expect(meterUnit("query_seconds")).toBe("seconds");
});
