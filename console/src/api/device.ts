/** Devices and their certificates, as queries and mutations. */
import { callUnaryMethod, createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { useQuery as usePlainQuery } from "@tanstack/react-query";
import { DeviceService, type Device } from "../gen/millwright/device/v1/device_pb";
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
