/** What the organisation pays by: its plan, what others would cost, and changes. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { InvoiceService } from "../gen/millwright/invoice/v1/invoice_pb";
import { ChangeTime, PriceModel, SubscriptionService, type Charge, type Contract, type Credit, type Plan, type PreviewChangeResponse, type Subscription } from "../gen/millwright/subscription/v1/subscription_pb";
import { TenantService } from "../gen/millwright/tenant/v1/tenant_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { ChangeTime, PriceModel };
export type { Charge, Contract, Credit, Plan, PreviewChangeResponse as Preview, Subscription };

const { method } = SubscriptionService;

export const useSubscription = () => useQuery(method.get, {}, { refetchInterval: 60_000 });
export const usePricedPlans = () => useQuery(method.listPlans, {});

/** What the organisation paid in advance. */
export const useOwnCredits = () => useQuery(method.listCredits, {}, { refetchInterval: 60_000 });

/** What a change does to the bill. It is asked for anew each time: the bill goes on. */
export const usePreview = (plan: string, at: ChangeTime) => useQuery(method.previewChange, { plan, at }, { staleTime: 0, gcTime: 0, retry: false });

export const useChangePlan = () => useMutation(method.changePlan, { onSuccess: refreshPlan });
export const useCancelChange = () => useMutation(method.cancelChange, { onSuccess: refreshPlan });

/** Plan, bill and limits follow from it; the preview of what was changed to has no use any more. */
function refreshPlan() {
  const stale = [
    createConnectQueryKey({ schema: method.get, transport: control, cardinality: undefined }),
    createConnectQueryKey({ schema: method.listPlans, transport: control, cardinality: undefined }),
    createConnectQueryKey({ schema: InvoiceService, transport: control, cardinality: undefined }),
    createConnectQueryKey({ schema: TenantService, transport: control, cardinality: undefined }),
  ];
  return Promise.all(stale.map((queryKey) => queryClient.invalidateQueries({ queryKey })));
}
