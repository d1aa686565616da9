/** What operators of the installation see and do about money: revenue, invoices of all, contracts, prepaid credits. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { BillingService, type PlanPrices, type PriceBook, type Revenue, type TenantInvoice } from "../gen/millwright/billing/v1/billing_pb";
import type { InvoiceStatus } from "../gen/millwright/invoice/v1/invoice_pb";
import { queryClient } from "./client";
import { control } from "./control";

export type { PlanPrices, PriceBook, Revenue, TenantInvoice };

const { method } = BillingService;

export const useRevenue = () => useQuery(method.getRevenue, {}, { refetchInterval: 60_000 });

/** The newest invoices of all organisations. */
export const useAllInvoices = (status: InvoiceStatus) => useQuery(method.listInvoices, { status, pageSize: 200 }, { refetchInterval: 60_000 });

/** Every version of the price book, the newest first. */
export const usePriceBooks = () => useQuery(method.listPriceBooks, {});

export const useContracts = (tenantId: string) => useQuery(method.listContracts, { tenantId });
export const useCredits = (tenantId: string) => useQuery(method.listCredits, { tenantId });

export const useGrantCredit = () =>
  useMutation(method.grantCredit, {
    onSuccess: () => queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: method.listCredits, transport: control, cardinality: undefined }) }),
  });
