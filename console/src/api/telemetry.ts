/** What devices sent, read from the tenant's cell. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { callUnaryMethod, useQuery } from "@connectrpc/connect-query";
import { keepPreviousData, useQuery as usePlainQuery } from "@tanstack/react-query";
import { Resolution, TelemetryService } from "../gen/millwright/telemetry/v1/telemetry_pb";
import { cell } from "./cell";

export { Resolution, type DeviceLatest, type QueryResponse, type Series } from "../gen/millwright/telemetry/v1/telemetry_pb";

const { method } = TelemetryService;

/** The newest values of all devices, or of those named, looked at again every so many milliseconds. */
export function useLatest(deviceIds: string[], every: number | false, enabled = true) {
  return useQuery(method.latest, { deviceIds }, { transport: cell, refetchInterval: every, enabled, placeholderData: keepPreviousData });
}

/** Which devices were heard within a time, or ever when it is 0; up to 10,000. Looked at again every 15 seconds. */
export function useHeard(within: number, enabled: boolean) {
  return usePlainQuery({
    queryKey: ["heard", within],
    queryFn: ({ signal }) => callUnaryMethod(cell, method.latest, { timesOnly: true, ...(within > 0 ? { heardSince: timestampFromMs(Date.now() - within) } : {}) }, { signal }),
    refetchInterval: 15_000,
    enabled,
  });
}

export interface Range {
  start: number;
  end: number;
}

/** A device's measurements over a range; raw where they fit the limit, else by window. */
export function useHistory(deviceId: string, range: Range, limit: number, enabled = true) {
  const input = { deviceId, start: timestampFromMs(range.start), end: timestampFromMs(range.end), resolution: Resolution.UNSPECIFIED, limit };
  return useQuery(method.query, input, { transport: cell, placeholderData: keepPreviousData, staleTime: 60_000, enabled });
}

/** The last minutes of a device as sent, to begin a live chart with. */
export function recentEvents(deviceId: string, range: Range, signal: AbortSignal) {
  const input = { deviceId, start: timestampFromMs(range.start), end: timestampFromMs(range.end), resolution: Resolution.RAW, limit: 5000 };
  return createClient(TelemetryService, cell).query(input, { signal });
}

/** Events of up to 100 devices as they are stored. */
export function watchDevices(deviceIds: string[], signal: AbortSignal) {
  return createClient(TelemetryService, cell).watch({ deviceIds }, { signal });
}

export const useStoreAccess = (enabled: boolean) => useQuery(method.getStoreAccess, {}, { transport: cell, staleTime: Infinity, gcTime: 0, enabled });
