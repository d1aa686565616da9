/** The inventory of certificates and how devices get them by themselves, as queries and mutations. */
import { createConnectQueryKey, useInfiniteQuery, useMutation, useQuery } from "@connectrpc/connect-query";
import { CertificateService } from "../gen/millwright/certificate/v1/certificate_pb";
import { CertificateStatus } from "../gen/millwright/device/v1/device_pb";
import { DeviceService } from "../gen/millwright/device/v1/device_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { AuthorityStatus, ClaimTokenStatus, IdentitySource, type Authority, type ClaimToken, type InventoryEntry, type Template } from "../gen/millwright/certificate/v1/certificate_pb";
export { CertificateOrigin, CertificateStatus } from "../gen/millwright/device/v1/device_pb";

const { method } = CertificateService;

export const useCertificateOverview = () => useQuery(method.getOverview, {}, { refetchInterval: 30_000 });

/** Certificates of all devices, those that end first in front; unspecified: of every status. */
export function useInventory(status: CertificateStatus, devicePrefix: string) {
  return useInfiniteQuery(method.list, { pageSize: 15, pageToken: "", status, devicePrefix }, { pageParamKey: "pageToken", getNextPageParam: (page) => page.nextPageToken || undefined, refetchInterval: 30_000 });
}

export const useRevokeCertificates = () => useMutation(method.revoke, { onSuccess: refresh });
export const useTemplates = () => useQuery(method.listTemplates, {});
export const useCreateTemplate = () => useMutation(method.createTemplate, { onSuccess: refresh });
export const useDeleteTemplate = () => useMutation(method.deleteTemplate, { onSuccess: refresh });
export const useClaimTokens = () => useQuery(method.listClaimTokens, {}, { refetchInterval: 15_000 });
export const useCreateClaimToken = () => useMutation(method.createClaimToken, { onSuccess: refresh });
export const useRevokeClaimToken = () => useMutation(method.revokeClaimToken, { onSuccess: refresh });
export const useAuthorities = () => useQuery(method.listAuthorities, {});
export const useRegisterAuthority = () => useMutation(method.registerAuthority, { onSuccess: refresh });
export const useVerifyAuthority = () => useMutation(method.verifyAuthority, { onSuccess: refresh });
export const useRevokeAuthority = () => useMutation(method.revokeAuthority, { onSuccess: refresh });

function refresh() {
  return Promise.all(
    [CertificateService, DeviceService].map((schema) => queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema, transport: control, cardinality: undefined }) })),
  );
}
