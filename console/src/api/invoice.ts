/** Bills: what the organisation is to pay, and what it was billed. */
import { callUnaryMethod, useInfiniteQuery, useQuery } from "@connectrpc/connect-query";
import { ExportForm, InvoiceService, InvoiceStatus, LineKind, type Bill, type CreditNote, type DayUsage, type Invoice, type Line, type Part } from "../gen/millwright/invoice/v1/invoice_pb";
import { control } from "./control";

export { ExportForm, InvoiceStatus, LineKind };
export type { Bill, CreditNote, DayUsage, Invoice, Line, Part };

const { method } = InvoiceService;

/** The current month's bill so far, and what it will come to. */
export const useDraft = () => useQuery(method.getDraft, {}, { refetchInterval: 60_000 });

/** The invoices of months that have ended, the newest first. */
export const useInvoices = () =>
  useInfiniteQuery(method.list, { pageSize: 24, pageToken: "" }, { pageParamKey: "pageToken", getNextPageParam: (last) => last.nextPageToken || undefined });

export const useInvoice = (invoiceId: string) => useQuery(method.get, { invoiceId }, { refetchInterval: 60_000 });

/** What a line of an invoice was made of. It never changes. */
export const useLineUsage = (invoiceId: string, position: number) => useQuery(method.getLineUsage, { invoiceId, position }, { staleTime: Infinity });

/** The invoice as a file. */
export const exportInvoice = (invoiceId: string, form: ExportForm) => callUnaryMethod(control, method.export, { invoiceId, form });
