/** The fleet's filter as a part of the address, so that a view can be kept and shared. Pure. */
import { DeviceOrder, type DeviceFilter, type Show } from "../../api/device";

export const everything: DeviceFilter = { show: "", query: "", deviceType: "", facility: "", line: "", label: "", order: DeviceOrder.UNSPECIFIED, descending: false };

export const shows: ReadonlyArray<{ value: Show; label: string }> = [
  { value: "", label: "In use" },
  { value: "live", label: "Live" },
  { value: "stale", label: "Stale" },
  { value: "never", label: "Never seen" },
  { value: "suspended", label: "Suspended" },
  { value: "retired", label: "Retired" },
];

const orders: ReadonlyArray<[DeviceOrder, string]> = [
  [DeviceOrder.UNSPECIFIED, "id"],
  [DeviceOrder.TYPE, "type"],
  [DeviceOrder.LOCATION, "location"],
];

/** The filter of an address; what is not known in it is left out. */
export function filterOf(params: URLSearchParams): DeviceFilter {
  const text = (name: string) => params.get(name) ?? "";
  const sort = text("sort");
  return {
    show: shows.find((s) => s.value === text("show"))?.value ?? "",
    query: text("q"),
    deviceType: text("type"),
    facility: text("facility"),
    line: text("line"),
    label: text("label"),
    order: orders.find(([, name]) => name === sort.replace(/^-/, ""))?.[0] ?? DeviceOrder.UNSPECIFIED,
    descending: sort.startsWith("-"),
  };
}

export function paramsOf(filter: DeviceFilter): Record<string, string> {
  const order = orders.find(([o]) => o === filter.order)?.[1] ?? "id";
  const sort = `${filter.descending ? "-" : ""}${order}`;
  const all = { show: filter.show, q: filter.query, type: filter.deviceType, facility: filter.facility, line: filter.line, label: filter.label, sort: sort === "id" ? "" : sort };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ""));
}

/** Whether it leaves out any device; the order does not. */
export const narrows = (filter: DeviceFilter) => Object.keys(paramsOf(filter)).some((name) => name !== "sort");
