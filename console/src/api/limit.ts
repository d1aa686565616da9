/** The limits of the organisation: what may be used, what is used, what was refused. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { LimitService } from "../gen/millwright/limit/v1/limit_pb";

export { LimitKind, type Limit, type Notice, type Override, type Refusal, type Use } from "../gen/millwright/limit/v1/limit_pb";

const { method } = LimitService;

export const useLimits = () => useQuery(method.list, {}, { refetchInterval: 5_000 });
export const useRefusals = () => useQuery(method.listRefusals, { pageSize: 50 }, { refetchInterval: 5_000 });
export const useNotices = (enabled = true) => useQuery(method.listNotices, {}, { refetchInterval: 60_000, enabled });

/** The use of one limit over a range. */
export function useLimitHistory(limit: string, start: number, end: number) {
  return useQuery(method.history, { limit, start: timestampFromMs(start), end: timestampFromMs(end) }, { refetchInterval: 15_000, placeholderData: keepPreviousData });
}
