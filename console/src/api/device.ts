/** Devices and their certificates, as queries and mutations. */
import { callUnaryMethod, createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { ConnectError } from "@connectrpc/connect";
import { keepPreviousData, useQuery as usePlainQuery } from "@tanstack/react-query";
import { ConflictSchema, DeviceService, DeviceStatus, type Device } from "../gen/millwright/device/v1/device_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { CertificateStatus, DeviceStatus, type Certificate, type Credentials, type Device } from "../gen/millwright/device/v1/device_pb";

const { method } = DeviceService;
const pageSize = 1000;
const mostPages = 20;

export interface DeviceList {
  devices: Device[];
  total: number;
}

/** All devices, page by page, up to 20,000. */
export function useDevices() {
  return usePlainQuery({
    queryKey: [...createConnectQueryKey({ schema: method.list, transport: control, input: { pageSize }, cardinality: "finite" }), "all"],
    queryFn: ({ signal }) => listAll(signal),
    staleTime: 10_000,
    refetchInterval: 15_000,
  });
}

async function listAll(signal: AbortSignal): Promise<DeviceList> {
  const devices: Device[] = [];
  let pageToken = "";
  let total = 0;
  for (let page = 0; page < mostPages; page++) {
    const answer = await callUnaryMethod(control, method.list, { pageSize, pageToken }, { signal });
    devices.push(...answer.devices);
    total = answer.total;
    pageToken = answer.nextPageToken;
    if (pageToken === "") break;
  }
  return { devices, total };
}

/** What a page of the fleet shows. */
export interface DeviceFilter {
  query: string;
  deviceType: string;
  status: DeviceStatus;
  facility: string;
  line: string;
  label: string;
}

/** A page of the devices that a filter chooses, found by the server. */
export function useDevicePage(filter: DeviceFilter, pageToken: string) {
  const input = {
    pageSize: 50,
    pageToken,
    query: filter.query.trim(),
    deviceTypes: filter.deviceType ? [filter.deviceType] : [],
    statuses: filter.status === DeviceStatus.UNSPECIFIED ? [] : [filter.status],
    facility: filter.facility,
    line: filter.facility ? filter.line : "",
    labels: filter.label ? [filter.label] : [],
  };
  return useQuery(method.list, input, { refetchInterval: 15_000, placeholderData: keepPreviousData });
}

/** Both versions, when somebody else changed the device first. */
export const deviceConflict = (error: unknown) => ConnectError.from(error).findDetails(ConflictSchema)[0];

export const useUpdateDevice = () => useMutation(method.update, { onSuccess: refreshDevices });
export const useRetireDevice = () => useMutation(method.retire, { onSuccess: refreshDevices });
export const useDevice = (deviceId: string) => useQuery(method.get, { deviceId }, { refetchInterval: 30_000 });
export const useCreateDevice = () => useMutation(method.create, { onSuccess: refreshDevices });
export const useSuspendDevice = () => useMutation(method.suspend, { onSuccess: refreshDevices });
export const useResumeDevice = () => useMutation(method.resume, { onSuccess: refreshDevices });
export const useIssueCertificate = () => useMutation(method.issueCertificate, { onSuccess: refreshDevices });
export const useRevokeCertificate = () => useMutation(method.revokeCertificate, { onSuccess: refreshDevices });

function refreshDevices() {
  return queryClient.invalidateQueries({
    queryKey: createConnectQueryKey({ schema: DeviceService, transport: control, cardinality: undefined }),
  });
}
