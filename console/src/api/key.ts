/** API keys and service accounts, as queries and mutations. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { KeyService } from "../gen/millwright/key/v1/key_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { type Key, type Secret, type ServiceAccount } from "../gen/millwright/key/v1/key_pb";

const { method } = KeyService;

export const useKeys = () => useQuery(method.list, {});
export const useCreateKey = () => useMutation(method.create, { onSuccess: refreshKeys });
export const useRotateKey = () => useMutation(method.rotate, { onSuccess: refreshKeys });
export const useRevokeKey = () => useMutation(method.revoke, { onSuccess: refreshKeys });

export const useAccounts = () => useQuery(method.listServiceAccounts, {});
export const useCreateAccount = () => useMutation(method.createServiceAccount, { onSuccess: refreshKeys });
export const useUpdateAccount = () => useMutation(method.updateServiceAccount, { onSuccess: refreshKeys });
export const useDeleteAccount = () => useMutation(method.deleteServiceAccount, { onSuccess: refreshKeys });

/** An account's role is that of its keys: look again at both. */
function refreshKeys() {
  return queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: KeyService, transport: control, cardinality: undefined }),
  });
}
