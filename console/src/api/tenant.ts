/** Organisations, as queries and mutations. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { ConnectError } from "@connectrpc/connect";
import { CellService } from "../gen/millwright/cell/v1/cell_pb";
import { SettingsConflictSchema, TenantService, TenantStatus } from "../gen/millwright/tenant/v1/tenant_pb";
import { queryClient } from "./client";
import { control } from "./control";

export {
  AlertSeverity, Role, StepState, TenantStatus, Units, type Membership, type Removed, type Settings, type Step, type Tenant,
} from "../gen/millwright/tenant/v1/tenant_pb";

const { method } = TenantService;

/** Who is signed in and which organisations are theirs; looks again every two seconds while one is being prepared. */
export function useMemberships() {
  return useQuery(method.list, {}, {
    staleTime: 30_000,
    refetchInterval: ({ state }) => (state.data?.memberships.some((m) => m.tenant?.status === TenantStatus.PROVISIONING || m.tenant?.steps.some((step) => step.task === "delete")) ? 2_000 : false),
  });
}

export const useCreateTenant = () => useMutation(method.create, { onSuccess: refreshTenants });
export const usePlans = () => useQuery(method.listPlans, {}, { staleTime: Infinity });
export const useRegions = () => useQuery(CellService.method.listRegions, {}, { staleTime: 60_000 });
export const useUpdateSettings = () => useMutation(method.updateSettings, { onSuccess: refreshTenants });
export const useTransferOwnership = () => useMutation(method.transferOwnership, { onSuccess: refreshTenants });
export const useDeleteTenant = () => useMutation(method.delete, { onSuccess: refreshTenants });
export const useCancelDeletion = () => useMutation(method.cancelDeletion, { onSuccess: refreshTenants });
/** What became of the organisations that this person had deleted; looks again until that was verified. */
export function useRemoved() {
  return useQuery(method.listRemoved, {}, {
    refetchInterval: ({ state }) => (state.data?.tenants.some((t) => !t.verifiedAt) ? 2_000 : false),
  });
}

/** Both versions, when saving settings failed because somebody else was first. */
export const settingsConflict = (error: unknown) => ConnectError.from(error).findDetails(SettingsConflictSchema)[0];

export const useSwitchTenant = () => useMutation(method.switch);

export const useRequireSecondFactor = () => useMutation(method.requireSecondFactor, { onSuccess: refreshTenants });

/** Looks again at everything about the organisation after a change to it. */
export function refreshTenants() {
  return queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: TenantService, transport: control, cardinality: undefined }),
  });
}
