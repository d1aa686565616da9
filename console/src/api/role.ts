/** What each role may do, ours and the organisation's own, as queries and mutations. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { RoleService } from "../gen/millwright/role/v1/role_pb";
import { Role } from "../gen/millwright/tenant/v1/tenant_pb";
import { queryClient } from "./client";
import { control } from "./control";
import { refreshTenants } from "./tenant";

export { type Role as RoleDefinition } from "../gen/millwright/role/v1/role_pb";

const { method } = RoleService;

/** A role as members, invitations, keys and accounts have it: one of ours, or the name of one of the organisation's own. */
export interface RoleChoice {
  role: Role;
  customRole: string;
}

export const ours = (role: Role): RoleChoice => ({ role, customRole: "" });

/** The roles as the server enforces them. */
export const useRoles = () => useQuery(method.list, {});
export const useCreateRole = () => useMutation(method.create, { onSuccess: refreshRoles });
export const useUpdateRole = () => useMutation(method.update, { onSuccess: refreshRoles });
export const useDeleteRole = () => useMutation(method.delete, { onSuccess: refreshRoles });

/** The change may be one of the role that one has oneself. */
function refreshRoles() {
  return Promise.all([
    queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: RoleService, transport: control, cardinality: undefined }) }),
    refreshTenants(),
  ]);
}
