/** The usage ledger. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { UsageService, type Hour, type Margin, type Meter, type Mismatch } from "../gen/millwright/usage/v1/usage_pb";

export type { Hour, Margin, Meter, Mismatch };

/** Usage by hour over a range, and the UTC day so far. */
export function useUsage(start: number, end: number, every = 10_000) {
  const input = { start: timestampFromMs(start), end: timestampFromMs(end) };
  return useQuery(UsageService.method.get, input, { refetchInterval: every, placeholderData: keepPreviousData });
}

/** Hours in which what is stored, what was counted and what the ledger has are not the same. */
export const useMismatches = () => useQuery(UsageService.method.listMismatches, {}, { refetchInterval: 60_000 });

/** What every organisation was billed in the UTC month of a time, and what it cost the installation; for operators. */
export const useMargins = (month: number) => useQuery(UsageService.method.listMargins, { month: timestampFromMs(month) }, { placeholderData: keepPreviousData });
