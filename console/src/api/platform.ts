/** What operators of the installation look after, as queries and mutations; and the notices that everybody hears. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { CellService } from "../gen/millwright/cell/v1/cell_pb";
import { PlatformService } from "../gen/millwright/platform/v1/platform_pb";
import { TenantService } from "../gen/millwright/tenant/v1/tenant_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { CellHealth, CellState, type Cell } from "../gen/millwright/cell/v1/cell_pb";
export { Severity, type Announcement, type Flag, type Tenant as PlatformTenant } from "../gen/millwright/platform/v1/platform_pb";

const { method: cell } = CellService;
const { method: platform } = PlatformService;

/** Cells report every two seconds; so does the page look. */
export const useCells = () => useQuery(cell.list, {}, { refetchInterval: 2_000 });
export const useDrain = () => useMutation(cell.drain, { onSuccess: () => refresh(CellService) });
export const useUndrain = () => useMutation(cell.undrain, { onSuccess: () => refresh(CellService) });

export const useTenants = (query: string, pageToken: string) => useQuery(platform.listTenants, { query, pageToken }, { placeholderData: (before) => before });

export const useSuspendTenant = () => useMutation(TenantService.method.suspend, { onSuccess: () => refresh(PlatformService) });
export const useResumeTenant = () => useMutation(TenantService.method.resume, { onSuccess: () => refresh(PlatformService) });

export const useFlags = () => useQuery(platform.listFlags, {});
export const useSetFlag = () => useMutation(platform.setFlag, { onSuccess: () => refresh(PlatformService) });
export const useRemoveFlag = () => useMutation(platform.removeFlag, { onSuccess: () => refresh(PlatformService) });

export const useAnnouncements = () => useQuery(platform.listAnnouncements, {});
export const useAnnounce = () => useMutation(platform.announce, { onSuccess: () => refresh(PlatformService) });
export const useWithdraw = () => useMutation(platform.withdraw, { onSuccess: () => refresh(PlatformService) });

/** Announcements of the moment and the feature flags of the organisation; looked at again every minute. */
export const useNotices = () => useQuery(platform.getNotices, {}, { refetchInterval: 60_000, staleTime: 30_000 });

function refresh(schema: typeof CellService | typeof PlatformService) {
  return queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema, transport: control, cardinality: undefined }) });
}
