/** Device types: what devices of one kind measure. */
import { createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { ConnectError } from "@connectrpc/connect";
import { ConflictSchema, DeviceTypeService, type Measurement } from "../gen/millwright/devicetype/v1/devicetype_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { MeasurementSchema, UnknownMeasurements, type DeviceType, type Measurement } from "../gen/millwright/devicetype/v1/devicetype_pb";

const { method } = DeviceTypeService;

export const useDeviceTypes = () => useQuery(method.list, {}, { staleTime: 30_000 });
export const useDeviceType = (deviceType: string, enabled = true) => useQuery(method.get, { deviceType }, { staleTime: 30_000, enabled: enabled && deviceType !== "" });
export const useCreateDeviceType = () => useMutation(method.create, { onSuccess: refresh });
export const useUpdateDeviceType = () => useMutation(method.update, { onSuccess: refresh });
export const useDeleteDeviceType = () => useMutation(method.delete, { onSuccess: refresh });

/** Both versions, when somebody else changed the type first. */
export const typeConflict = (error: unknown) => ConnectError.from(error).findDetails(ConflictSchema)[0];

/** What a type says of its measurements, by name. */
export function measurementsByName(measurements: Measurement[] | undefined): Record<string, Measurement> {
  return Object.fromEntries((measurements ?? []).map((m) => [m.name, m]));
}

function refresh() {
  return queryClient.invalidateQueries({ queryKey: createConnectQueryKey({ schema: DeviceTypeService, transport: control, cardinality: undefined }) });
}
