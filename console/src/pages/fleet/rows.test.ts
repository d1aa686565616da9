import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { DeviceSchema, DeviceStatus } from "../../gen/millwright/device/v1/device_pb";
import { DeviceLatestSchema } from "../../gen/millwright/telemetry/v1/telemetry_pb";
import { buildRows, liveWithin } from "./rows";

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
});

test("the stream's value is newer than the answer's", () => {
  expect(rows[4]).toMatchObject({ value: 7, lastSeen: now - 10 });
  expect(rows[0]).toMatchObject({ value: 6 });
});

test("a retired device is retired whatever it said last, and labels are written as they are searched", () => {
  const [row] = buildRows([create(DeviceSchema, { deviceId: "f", status: DeviceStatus.RETIRED, labels: { shift: "day", old: "" } })], [latest("f", now)], {}, now);
  expect(row).toMatchObject({ state: "retired", labels: ["old", "shift=day"] });
});
