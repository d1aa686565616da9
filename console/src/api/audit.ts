/** The audit log, as queries. */
import { useInfiniteQuery } from "@connectrpc/connect-query";
import { AuditService, type Outcome } from "../gen/millwright/audit/v1/audit_pb";

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

/** Where the whole log comes as newline-delimited JSON. */
export const auditExport = "/api/v1/audit/export";
