import { expect, test } from "vitest";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { formatBytes, formatCompact, formatCount, formatPercent, formatValue } from "./number";
import { readPayload } from "./payload";
import { day, formatAgo, formatClock, formatDateTime, formatDuration, formatUntil, fromLocalInput, hour, millis, minute, second, toLocalInput } from "./time";
import { measurementTitle, shownIn, unitOf } from "./unit";
import { currentZone, setZone } from "./zone";

test.each([
  [0, "0"],
  [9_999, "9,999"],
  [12_345, "12.3 k"],
  [1_234_567n, "1.23 M"],
  [5_000_000_000n, "5.00 G"],
])("a compact %s is %s", (n, want) => expect(formatCompact(n)).toBe(want));

test("a count beyond what a double holds keeps its digits", () => {
  expect(formatCount(9_007_199_254_740_993n)).toBe("9,007,199,254,740,993");
});

test.each([
  [999, "999 B"],
  [1_536, "1.54 kB"],
  [262_144, "262 kB"],
])("%s bytes are %s", (n, want) => expect(formatBytes(n)).toBe(want));

test.each([
  [undefined, "–"],
  [NaN, "–"],
  [0, "0"],
  [0.02, "0.0200"],
  [-0.5, "-0.500"],
  [21.5, "21.50"],
  [1013.25, "1,013.3"],
  [1e12, "1.00e+12"],
  [0.00001, "1.00e-5"],
])("the value %s reads %s", (v, want) => expect(formatValue(v)).toBe(want));

test("percent", () => {
  expect([0, 0.000_01, 0.4567, 1, 1.5].map(formatPercent)).toEqual(["0 %", "under 0.1 %", "45.7 %", "100 %", "150 %"]);
});

test.each([
  [59 * second, "59 s"],
  [2 * minute, "2 min"],
  [47 * hour, "47 h"],
  [9 * day, "9 d"],
])("a duration of %s ms is %s", (ms, want) => expect(formatDuration(ms)).toBe(want));

test("ages and countdowns", () => {
  expect(formatAgo(1000, 1500)).toBe("just now");
  expect(formatAgo(5000, 1000)).toBe("just now");
  expect(formatAgo(0, 3 * hour)).toBe("3 h ago");
  expect(formatUntil(89 * day, 0)).toBe("in 89 d");
  expect(formatUntil(0, 12 * day)).toBe("12 d ago");
});

test("timestamps are read to the millisecond", () => {
  expect(millis(timestampFromMs(1_732_444_555_123))).toBe(1_732_444_555_123);
  expect(millis(undefined)).toBeUndefined();
});

test.each([
  ["temperature", "°C"],
  ["bearing_temperature", "°C"],
  ["temperature_f", "°F"],
  ["vibration.x", ""],
  ["spindle_rpm", "rpm"],
  ["power_kw", "kW"],
  ["speed", ""],
  ["pressure", ""],
])("the unit of %s is %j", (name, want) => expect(unitOf(name)).toBe(want));

test("names people can read", () => {
  expect(measurementTitle("bearing_temperature")).toBe("Bearing temperature");
  expect(measurementTitle("vibration.x")).toBe("Vibration x");
});

test("payloads are text where they can be", () => {
  expect(readPayload(new TextEncoder().encode('{"a":1}'))).toBe('{"a":1}');
  expect(readPayload(Uint8Array.of(0xff, 0x00, 0x10))).toBe("ff 00 10");
  expect(readPayload(new Uint8Array())).toBe("(empty)");
});

test.each([
  ["temperature", 100, 212, "°F"],
  ["oil_pressure_bar", 1, 14.503774, "psi"],
  ["travel_mm", 25.4, 1, "in"],
  ["vibration.x", 3, 3, ""],
  ["battery_level", 50, 50, "%"],
] as const)("%s of %d is %d %s", (name, sent, shown, unit) => {
  const measure = shownIn(name, "imperial");
  expect(measure.unit).toBe(unit);
  expect(measure.show(sent)).toBeCloseTo(shown, 5);
  expect(shownIn(name, "metric").show(sent)).toBe(sent);
});

test("instants are written in the zone that was named, and read back from it", () => {
  const summer = Date.UTC(2026, 6, 1, 10, 30);
  const winter = Date.UTC(2026, 11, 1, 10, 30);
  setZone("Europe/Berlin");
  expect(formatDateTime(summer)).toBe("01 Jul 2026, 12:30:00");
  expect([toLocalInput(summer), toLocalInput(winter)]).toEqual(["2026-07-01T12:30", "2026-12-01T11:30"]);
  // Also around both changes of the clocks.
  for (const at of [summer, winter, Date.UTC(2026, 2, 29, 0, 59), Date.UTC(2026, 2, 29, 1, 1), Date.UTC(2026, 9, 25, 3, 0)]) expect(fromLocalInput(toLocalInput(at))).toBe(at);
  expect(fromLocalInput("soon")).toBeNaN();
  setZone("UTC");
  expect(formatClock(summer)).toBe("10:30");
  setZone("Mars/Olympus");
  expect(currentZone()).toBe("UTC");
});
