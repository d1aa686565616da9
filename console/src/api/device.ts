/** Devices and their certificates, as queries and mutations. */
import { callUnaryMethod, createConnectQueryKey, useMutation, useQuery } from "@connectrpc/connect-query";
import { ConnectError } from "@connectrpc/connect";
import { keepPreviousData, useQuery as usePlainQuery } from "@tanstack/react-query";
import { ConflictSchema, DeviceOrder, DeviceService, DeviceStatus, type Device } from "../gen/millwright/device/v1/device_pb";
import { queryClient } from "./client";
import { control } from "./control";

export { CertificateStatus, DeviceOrder, DeviceStatus, type Certificate, type Credentials, type Device } from "../gen/millwright/device/v1/device_pb";

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

/** Which devices, by what their badge says; empty: all but the retired. */
export type Show = "" | "live" | "stale" | "never" | "suspended" | "retired";

/** What a page of the fleet shows, and in which order. */
export interface DeviceFilter {
  show: Show;
  query: string;
  deviceType: string;
  facility: string;
  line: string;
  label: string;
  order: DeviceOrder;
  descending: boolean;
}

/** The devices that the cell heard lately, and ever. Only the cell knows. */
export interface Heard {
  live: string[];
  ever: string[];
}

/** The filter as the server takes it; undefined when no device can match. */
export function listInput(filter: DeviceFilter, heard: Heard) {
  const { show } = filter;
  const live = new Set(heard.live);
  let deviceIds: string[] = [];
  if (show === "live") deviceIds = heard.live;
  if (show === "stale") deviceIds = heard.ever.filter((id) => !live.has(id));
  if ((show === "live" || show === "stale") && deviceIds.length === 0) return undefined;
  const status = show === "suspended" ? DeviceStatus.SUSPENDED : show === "retired" ? DeviceStatus.RETIRED : DeviceStatus.ACTIVE;
  return {
    query: filter.query.trim(),
    deviceTypes: filter.deviceType ? [filter.deviceType] : [],
    statuses: show === "" ? [] : [status],
    facility: filter.facility,
    line: filter.facility ? filter.line : "",
    labels: filter.label ? [filter.label] : [],
    deviceIds,
    exceptDeviceIds: show === "never" ? [...new Set([...heard.ever, ...heard.live])] : [],
    order: filter.order,
    descending: filter.descending,
  };
}

export type ListInput = NonNullable<ReturnType<typeof listInput>>;

/** A page of the devices that a filter chooses, found by the server. */
export function useDevicePage(input: ListInput | undefined, pageToken: string) {
  return useQuery(method.list, { ...input, pageSize: 50, pageToken }, { enabled: input !== undefined, refetchInterval: 15_000, placeholderData: keepPreviousData });
}

/** What one job takes. */
export const mostActedOn = 10_000;

/** The ids of all devices that a filter chooses, up to what one job takes. */
export async function listIds(input: ListInput): Promise<string[]> {
  const ids: string[] = [];
  let pageToken = "";
  do {
    const answer = await callUnaryMethod(control, method.list, { ...input, pageSize, pageToken });
    ids.push(...answer.devices.map((d) => d.deviceId));
    pageToken = answer.nextPageToken;
  } while (pageToken !== "" && ids.length < mostActedOn);
  return ids.slice(0, mostActedOn);
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
