import { expect, test } from "vitest";
import { DeviceOrder, listInput } from "../../api/device";
import { everything, filterOf, narrows, paramsOf } from "./filter";

test("a filter survives the address", () => {
  const filter = { ...everything, show: "stale" as const, query: "press", deviceType: "press", facility: "north", line: "a", label: "shift=day", order: DeviceOrder.LOCATION, descending: true };
  expect(filterOf(new URLSearchParams(paramsOf(filter)))).toEqual(filter);
  expect(paramsOf(everything)).toEqual({});
  expect(filterOf(new URLSearchParams("show=nonsense&sort=-nonsense"))).toEqual({ ...everything, descending: true });
});

test("an order leaves nothing out", () => {
  expect(narrows({ ...everything, order: DeviceOrder.TYPE, descending: true })).toBe(false);
  expect(narrows({ ...everything, show: "live" })).toBe(true);
});

test("liveness is asked for by the ids that the cell heard", () => {
  const heard = { live: ["a", "b"], ever: ["a", "c"] };
  expect(listInput({ ...everything, show: "live" }, heard)).toMatchObject({ deviceIds: ["a", "b"], exceptDeviceIds: [] });
  expect(listInput({ ...everything, show: "stale" }, heard)).toMatchObject({ deviceIds: ["c"] });
  expect(listInput({ ...everything, show: "never" }, heard)).toMatchObject({ deviceIds: [], exceptDeviceIds: ["a", "c", "b"] });
  expect(listInput({ ...everything, show: "live" }, { live: [], ever: ["a"] })).toBeUndefined();
  expect(listInput(everything, heard)).toMatchObject({ deviceIds: [], exceptDeviceIds: [], statuses: [] });
});
