/** Bills: what the organisation is to pay. */
import { useQuery } from "@connectrpc/connect-query";
import { InvoiceService, LineKind, type Bill, type Line, type Part } from "../gen/millwright/invoice/v1/invoice_pb";

export { LineKind };
export type { Bill, Line, Part };

/** The current month's bill so far, and what it will come to. */
export function useDraft() {
  return useQuery(InvoiceService.method.getDraft, {}, { refetchInterval: 60_000 });
}
