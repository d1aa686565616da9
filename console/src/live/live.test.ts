import { expect, test } from "vitest";
import { LiveBuffer } from "./buffer";
import { parseFrame, type LiveEvent } from "./message";
import { cleared, connectionChanged, eventsArrived, liveReducer } from "./slice";

const event = (time: number, values: Record<string, number>, missed = 0): LiveEvent => ({ deviceId: "a", time, received: time + 5, values, missed });
const start = liveReducer(undefined, { type: "start" });

test("a newer event overwrites values and keeps the others", () => {
  const state = liveReducer(start, eventsArrived([event(10, { x: 1, y: 2 }), event(20, { x: 3 }, 4)]));
  expect(state.devices.a).toEqual({ time: 20, received: 25, values: { x: 3, y: 2 }, events: 2, missed: 4 });
});

test("a late event counts and overwrites nothing", () => {
  const state = liveReducer(start, eventsArrived([event(20, { x: 3 }), event(10, { x: 1 })]));
  expect(state.devices.a).toMatchObject({ time: 20, received: 25, values: { x: 3 }, events: 2 });
});

test("clearing forgets devices and connection", () => {
  const open = liveReducer(liveReducer(start, connectionChanged("open")), eventsArrived([event(1, { x: 1 })]));
  expect(liveReducer(open, cleared())).toEqual(start);
});

test("frames: one event, several, or nothing", () => {
  const one = '{"deviceId":"a","time":"2026-11-24T10:00:00.123Z","received":"2026-11-24T10:00:00.200Z","values":{"x":1,"bad":"y"},"missed":2}';
  const at = Date.parse("2026-11-24T10:00:00.123Z");
  expect(parseFrame(one)).toEqual([{ deviceId: "a", time: at, received: at + 77, values: { x: 1 }, missed: 2 }]);
  expect(parseFrame(`[${one},${one}]`)).toHaveLength(2);
  expect(parseFrame("not json")).toEqual([]);
  expect(parseFrame('{"deviceId":"a"}')).toEqual([]);
  expect(parseFrame("null")).toEqual([]);
});

test("the buffer orders, merges and forgets", () => {
  const buffer = new LiveBuffer(100);
  buffer.add(50, { x: 5 });
  buffer.add(30, { x: 3 });
  buffer.add(50, { y: 9 });
  expect(buffer.read("x")).toEqual({ times: [30, 50], values: [3, 5] });
  expect(buffer.read("y")).toEqual({ times: [50], values: [9] });
  buffer.add(140, { x: 14 });
  expect(buffer.read("x")).toEqual({ times: [50, 140], values: [5, 14] });
  expect(buffer.read("z")).toEqual({ times: [], values: [] });
});
