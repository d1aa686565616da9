/** How invoices are collected: the card, payments, and what operators see of those that failed. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { EntryState, PaymentService, PaymentState, Standing, type Debtor, type Entry, type Payment, type PaymentMethod } from "../gen/millwright/payment/v1/payment_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { EntryState, PaymentState, Standing };
export type { Debtor, Entry, Payment, PaymentMethod };

const { method } = PaymentService;

export const usePaymentStatus = () => useQuery(method.getStatus, {}, { refetchInterval: 60_000 });
export const usePayments = () => useQuery(method.listPayments, { pageSize: 200 }, { refetchInterval: 60_000 });
export const useCheckout = () => useMutation(method.createCheckout);
export const usePortal = () => useMutation(method.createPortal);

export const useFailedPayments = () => useQuery(method.listFailed, {}, { refetchInterval: 30_000 });
export const useOutbox = (parked: boolean) => useQuery(method.listOutbox, { parked }, { refetchInterval: 10_000 });

export const useRetryEntry = () =>
  useMutation(method.retryEntry, {
    onSuccess: () => queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: PaymentService, transport: control, cardinality: undefined }) }),
  });
