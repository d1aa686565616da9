import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { SeriesSchema } from "../gen/millwright/telemetry/v1/telemetry_pb";
import { HourSchema } from "../gen/millwright/usage/v1/usage_pb";
import { axisTicks, byDay } from "./bins";
import { chartData, summarise, thin, usualStep, withGaps } from "./series";
import { sparkPath } from "./Sparkline";

test("thinning keeps the extremes", () => {
  const times = Array.from({ length: 10_000 }, (_, i) => i * 1000);
  const mid = times.map((_, i) => (i === 4321 ? 99 : i === 77 ? -99 : 1));
  const thinned = thin({ times, mid }, 1000);
  expect(thinned.times.length).toBeLessThanOrEqual(1000);
  expect(summarise(thinned)).toMatchObject({ low: -99, high: 99 });
  expect(thin({ times: [1], mid: [2] }, 1000)).toEqual({ times: [1], mid: [2] });
});

test("silence breaks the line", () => {
  expect(withGaps({ times: [0, 10, 100, 110], mid: [1, 2, 3, 4] }, 40)).toEqual({ times: [0, 10, 11, 100, 110], mid: [1, 2, null, 3, 4] });
  expect(usualStep([0, 10, 100, 110])).toBe(10);
  expect(usualStep([5])).toBe(0);
});

test("windows become a line and a band, in the middle of their minute", () => {
  const windows = [0, 60_000].map((t, i) => ({ start: timestampFromMs(t), count: 3n, min: i, max: i + 2, mean: i + 1, first: 0, last: 0 }));
  const data = chartData(create(SeriesSchema, { measurement: "x", windows }));
  expect(data).toEqual({ times: [30_000, 90_000], mid: [1, 2], low: [0, 1], high: [2, 3] });
});

test("an empty series has no summary", () => {
  expect(summarise(chartData(create(SeriesSchema, { measurement: "x" })))).toBeUndefined();
});

test("hours add up to UTC days", () => {
  const hours = [0, 3_600_000, 86_400_000].map((t, i) => create(HourSchema, { start: timestampFromMs(t), events: BigInt(i + 1) }));
  expect(byDay(hours)).toEqual([
    { start: 0, value: 3 },
    { start: 86_400_000, value: 3 },
  ]);
});

test.each([0, 1, 7, 1234, 5_000_000])("the axis reaches %s in few round steps", (highest) => {
  const ticks = axisTicks(highest);
  expect(ticks[0]).toBe(0);
  expect(ticks.at(-1)).toBeGreaterThanOrEqual(highest);
  expect(ticks.length).toBeLessThanOrEqual(6);
});

test("a constant sparkline runs through the middle", () => {
  expect(sparkPath([5, 5], 100, 30).line).toBe("M3.0 15.0L97.0 15.0");
});
