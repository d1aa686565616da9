import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { DeviceSchema, DeviceStatus } from "../../gen/millwright/device/v1/device_pb";
import { DeviceLatestSchema } from "../../gen/millwright/telemetry/v1/telemetry_pb";
import { buildRows, countStates, filterRows, liveWithin, sortRows } from "./rows";

const now = 10_000_000;
const device = (deviceId: string, facility: string, status = DeviceStatus.ACTIVE) => create(DeviceSchema, { deviceId, deviceType: "pressure_sensor", status, location: { facility, line: "l", station: "s" } });
const latest = (deviceId: string, received: number) =>
  create(DeviceLatestSchema, { deviceId, receivedAt: timestampFromMs(received), values: { pressure: 6 }, sparklineMeasurement: "pressure", sparkline: [1, 2] });

const rows = buildRows(
  [device("a", "north"), device("b", "north"), device("c", "south"), device("d", "south", DeviceStatus.SUSPENDED), device("e", "south")],
  [latest("a", now - 1000), latest("b", now - liveWithin - 1), latest("d", now), latest("e", now - liveWithin - 1)],
  { e: { time: now, received: now - 10, values: { pressure: 7 }, events: 1, missed: 0 } },
  now,
);

test("states: heard lately, long ago, never, suspended, and live by the stream", () => {
  expect(rows.map((r) => r.state)).toEqual(["live", "stale", "never", "suspended", "live"]);
  expect(countStates(rows)).toEqual({ all: 5, live: 2, stale: 1, never: 1, suspended: 1 });
});

test("the stream's value is newer than the answer's", () => {
  expect(rows[4]).toMatchObject({ value: 7, lastSeen: now - 10 });
  expect(rows[0]).toMatchObject({ value: 6 });
});

test("filters combine, and every word must occur", () => {
  expect(filterRows(rows, { text: "PRESSURE south", facility: "", state: "all" }).map((r) => r.id)).toEqual(["c", "d", "e"]);
  expect(filterRows(rows, { text: "", facility: "north", state: "stale" }).map((r) => r.id)).toEqual(["b"]);
  expect(filterRows(rows, { text: "zz", facility: "", state: "all" })).toEqual([]);
});

test("sorting by state puts what needs attention first", () => {
  expect(sortRows(rows, "state", false).map((r) => r.id)).toEqual(["d", "b", "c", "a", "e"]);
  expect(sortRows(rows, "id", true).map((r) => r.id)).toEqual(["e", "d", "c", "b", "a"]);
});
