/** The audit log, as queries. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { AuditService, type Entry, type Outcome } from "../gen/millwright/audit/v1/audit_pb";
import { PlatformService } from "../gen/millwright/platform/v1/platform_pb";

export { Outcome, type Entry } from "../gen/millwright/audit/v1/audit_pb";

export interface AuditFilter {
  actor: string;
  object: string;
  outcome: Outcome;
}

export function useAudit(filter: AuditFilter) {
  return useInfiniteQuery(AuditService.method.list, { ...filter, pageSize: 50, pageToken: "" }, {
    pageParamKey: "pageToken",
    getNextPageParam: (page) => page.nextPageToken || undefined,
    placeholderData: (before) => before,
  });
}

/** The log of what operators of the installation did. */
export function usePlatformAudit(filter: AuditFilter) {
  return useInfiniteQuery(PlatformService.method.listAudit, { ...filter, pageSize: 50, pageToken: "" }, {
    pageParamKey: "pageToken",
    getNextPageParam: (page) => page.nextPageToken || undefined,
    placeholderData: (before) => before,
  });
}

/** What a page of either log is shown from. */
export type AuditResult = Pick<ReturnType<typeof useAudit>, "error" | "hasNextPage" | "isFetchingNextPage"> & {
  data: { pages: Array<{ entries: Entry[] }> } | undefined;
  refetch: () => void;
  fetchNextPage: () => void;
};

/** Where the whole log comes as newline-delimited JSON. */
export const auditExport = "/api/v1/audit/export";
export const platformAuditExport = "/api/v1/platform/audit/export";
