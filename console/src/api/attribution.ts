/** Whose a bill is: the cell says who used what, the control plane shares the bill out. */
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { callUnaryMethod } from "@connectrpc/connect-query";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { InvoiceService, type MoneyShare } from "../gen/millwright/invoice/v1/invoice_pb";
import { TelemetryService, UsageGrouping, type UsageShare } from "../gen/millwright/telemetry/v1/telemetry_pb";
import { cell } from "./cell";
import { control } from "./control";

export type { MoneyShare };

const { method } = InvoiceService;

/** The draft, by facility; usage is that of a range. It reads the month's rows, so it is not asked for often. */
export function useByFacility(start: Timestamp | undefined, end: Timestamp | undefined) {
  return useQuery({
    queryKey: ["by-facility", String(start?.seconds), String(end?.seconds)],
    queryFn: async ({ signal }) => {
      const usage = await callUnaryMethod(cell, TelemetryService.method.attributeUsage, { ...(start && { start }), ...(end && { end }), by: UsageGrouping.FACILITY }, { signal });
      const used = usage.shares.map((s) => ({ key: s.key, meters: metersOf(s) }));
      const bill = await callUnaryMethod(control, method.shareOut, { used }, { signal });
      return { bill, rowsSince: usage.rowsSince };
    },
    enabled: start !== undefined && end !== undefined,
    staleTime: 60_000,
    refetchInterval: 300_000,
    placeholderData: keepPreviousData,
  });
}

const metersOf = (s: UsageShare) => ({ events: s.events, points: s.points, bytes: s.bytes, device_hours: s.deviceHours });
