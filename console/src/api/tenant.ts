/** Organisations and keys, as queries and mutations. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { TenantService, TenantStatus } from "../gen/millwright/tenant/v1/tenant_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { Role, TenantStatus, type Key, type Membership, type Tenant } from "../gen/millwright/tenant/v1/tenant_pb";

const { method } = TenantService;

/** Who is signed in and which organisations are theirs; looks again every two seconds while one is being prepared. */
export function useMemberships() {
  return useQuery(method.list, {}, {
    staleTime: 30_000,
    refetchInterval: ({ state }) => (state.data?.memberships.some((m) => m.tenant?.status === TenantStatus.PROVISIONING) ? 2_000 : false),
  });
}

export const useCreateTenant = () => useMutation(method.create, { onSuccess: refreshTenants });
export const useSwitchTenant = () => useMutation(method.switch);

export const useKeys = () => useQuery(method.listKeys, {});
export const useCreateKey = () => useMutation(method.createKey, { onSuccess: refreshTenants });
export const useRevokeKey = () => useMutation(method.revokeKey, { onSuccess: refreshTenants });

/** Looks again at everything about the organisation after a change to it. */
export function refreshTenants() {
  return queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: TenantService, transport: control, cardinality: undefined }),
  });
}
