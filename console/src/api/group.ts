/** Groups, and who speaks for whom, as queries and mutations. */
import { createConnectQueryKey, useInfiniteQuery, useMutation, useQuery } from "@connectrpc/connect-query";
import { GatewayService } from "../gen/millwright/device/v1/gateway_pb";
import { GroupService } from "../gen/millwright/group/v1/group_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { type Gateway } from "../gen/millwright/device/v1/gateway_pb";
export { type Group, type Policy } from "../gen/millwright/group/v1/group_pb";

const { method } = GroupService;

export const useGroups = () => useQuery(method.list, {}, { refetchInterval: 15_000 });
export const useGroupsOf = (deviceId: string) => useQuery(method.list, { deviceId }, { refetchInterval: 30_000 });
export const useGroup = (groupId: string) => useQuery(method.get, { groupId });

export function useMembers(groupId: string) {
  return useInfiniteQuery(method.listMembers, { groupId, pageSize: 100, pageToken: "" }, {
    pageParamKey: "pageToken",
    getNextPageParam: (page) => page.nextPageToken || undefined,
  });
}

/** What a query finds, while it is being written. */
export const usePreview = (query: string) => useQuery(method.preview, { query }, { enabled: query.trim() !== "", retry: false, placeholderData: (before) => before, staleTime: 5_000 });

export const useCreateGroup = () => useMutation(method.create, { onSuccess: refreshGroups });
export const useUpdateGroup = () => useMutation(method.update, { onSuccess: refreshGroups });
export const useDeleteGroup = () => useMutation(method.delete, { onSuccess: refreshGroups });
export const useAddMembers = () => useMutation(method.addMembers, { onSuccess: refreshGroups });
export const useRemoveMembers = () => useMutation(method.removeMembers, { onSuccess: refreshGroups });

function refreshGroups() {
  return queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: GroupService, transport: control, cardinality: undefined }) });
}

export const useGateway = (deviceId: string) => useQuery(GatewayService.method.get, { deviceId }, { refetchInterval: 30_000 });
export const useSetGateway = () =>
  useMutation(GatewayService.method.set, {
    onSuccess: () => queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: GatewayService, transport: control, cardinality: undefined }) }),
  });
