/** TelemetryService and UsageService over the mock's signals. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { DeviceLatestSchema, Resolution, SeriesSchema, type TelemetryService } from "../src/gen/millwright/telemetry/v1/telemetry_pb";
import { HourSchema, type UsageService } from "../src/gen/millwright/usage/v1/usage_pb";
import { hash, kindOf } from "./signals";
import { tenantOf, tokens } from "./tenant";
import type { MockDevice, MockTenant } from "./world";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export function tenantOfToken(token: string | undefined): MockTenant {
  const tenant = tokens.get(token ?? "");
  if (!tenant) throw new ConnectError("the cell token is missing or expired", Code.Unauthenticated);
  return tenant;
}

function tenantOfCell(context: HandlerContext): MockTenant {
  return tenantOfToken(context.requestHeader.get("authorization")?.replace(/^Bearer /, ""));
}

/** Times of a device's events in [start, end), at most so many, the newest. */
export function eventTimes(device: MockDevice, start: number, end: number, limit: number): number[] {
  if (device.from === undefined) return [];
  const { every } = kindOf(device.device.deviceType);
  const last = Math.min(end, device.until, Date.now());
  const first = Math.max(start, device.from, last - every * limit);
  const times: number[] = [];
  for (let t = Math.ceil(first / every) * every; t < last; t += every) if (!dropout(device, t)) times.push(t);
  return times;
}

/** A device falls silent now and then, so that charts have gaps to show. */
function dropout(device: MockDevice, t: number): boolean {
  return hash(device.seed, Math.floor(t / (4 * minuteMs))) < 0.03 && Date.now() - t > 5 * minuteMs;
}

export function measure(device: MockDevice, t: number): Record<string, number> {
  return kindOf(device.device.deviceType).measure(device.seed, t);
}

function rawSeries(device: MockDevice, times: number[]) {
  const names = Object.keys(measure(device, 0));
  const values = times.map((t) => measure(device, t));
  return names.sort().map((measurement) => create(SeriesSchema, {
    measurement,
    points: times.map((t, i) => ({ time: timestampFromMs(t), value: values[i]![measurement]! })),
  }));
}

function windowSeries(device: MockDevice, start: number, end: number, limit: number) {
  const names = Object.keys(measure(device, 0)).sort();
  const times: number[] = [];
  for (let t = Math.max(start, end - limit * minuteMs); t < end; t += minuteMs) {
    const at = Math.floor(t / minuteMs) * minuteMs;
    if (device.from !== undefined && at >= device.from && at < Math.min(device.until, Date.now()) && !dropout(device, at)) times.push(at);
  }
  const samples = times.map((t) => [0, 11_000, 23_000, 37_000, 51_000].map((offset) => measure(device, t + offset)));
  return names.map((measurement) => create(SeriesSchema, {
    measurement,
    windows: times.map((t, i) => {
      const values = samples[i]!.map((s) => s[measurement]!);
      return {
        start: timestampFromMs(t), count: BigInt(values.length), min: Math.min(...values), max: Math.max(...values),
        mean: values.reduce((a, b) => a + b, 0) / values.length, first: values[0]!, last: values[values.length - 1]!,
      };
    }),
  }));
}

function latestOf(device: MockDevice) {
  const now = Date.now();
  const [t] = eventTimes(device, device.until === Infinity ? now - 10 * minuteMs : 0, now, 2).slice(-1);
  if (t === undefined) return undefined;
  const values = measure(device, t);
  const sparklineMeasurement = Object.keys(values)[0]!;
  const sparkline = Array.from({ length: 30 }, (_, i) => measure(device, now - (30 - i) * minuteMs)[sparklineMeasurement]!);
  return create(DeviceLatestSchema, {
    deviceId: device.device.deviceId, eventTime: timestampFromMs(t), receivedAt: timestampFromMs(t + 40), values,
    sparklineMeasurement, sparkline: now - t < 30 * minuteMs && now - device.from! > 30 * minuteMs ? sparkline : [],
  });
}

export const telemetryService: ServiceImpl<typeof TelemetryService> = {
  query(request, context) {
    const device = tenantOfCell(context).devices.get(request.deviceId);
    if (!device) throw new ConnectError(`there is no device ${request.deviceId}`, Code.NotFound);
    const end = request.end ? timestampMs(request.end) : Date.now();
    const start = request.start ? timestampMs(request.start) : end - hourMs;
    const limit = request.limit || 2000;
    const { every } = kindOf(device.device.deviceType);
    const fits = (end - start) / every <= limit;
    if (request.resolution === Resolution.RAW || (request.resolution === Resolution.UNSPECIFIED && fits)) {
      return { series: rawSeries(device, eventTimes(device, start, end, limit)), resolution: Resolution.RAW, truncated: !fits };
    }
    return { series: windowSeries(device, start, end, limit), resolution: Resolution.MINUTE, truncated: (end - start) / minuteMs > limit };
  },
  latest(request, context) {
    const tenant = tenantOfCell(context);
    const ids = request.deviceIds.length > 0 ? request.deviceIds : [...tenant.devices.keys()];
    return { devices: ids.map((id) => tenant.devices.get(id)).filter((d) => d !== undefined).map(latestOf).filter((d) => d !== undefined) };
  },
  async *watch(request, context) {
    const tenant = tenantOfCell(context);
    let since = Date.now();
    while (!context.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const until = Date.now();
      for (const id of request.deviceIds) {
        const device = tenant.devices.get(id);
        if (!device) continue;
        for (const t of eventTimes(device, since, until, 10)) {
          yield { deviceId: id, eventTime: timestampFromMs(t), receivedAt: timestampFromMs(until), values: measure(device, t), missed: 0n };
        }
      }
      since = until;
    }
  },
  listDeadLetters(request, context) {
    tenantOfCell(context);
    if (request.deviceId !== "" && !request.deviceId.startsWith("cnc") && !request.deviceId.startsWith("vib")) return {};
    const now = Date.now();
    const letter = (ago: number, reason: string, detail: string, payload: string) => ({
      deviceId: request.deviceId || "cnc_mag_01", receivedAt: timestampFromMs(now - ago), reason, detail, payload: new TextEncoder().encode(payload),
    });
    return {
      deadLetters: [
        letter(7 * minuteMs, "invalid_json", "the message ends inside an object at byte 48; send one complete JSON object", '{"timestamp":"2026-11-24T10:30:00Z","measurement'),
        letter(3 * hourMs, "invalid_measurement", 'measurement "vibration.x" is a string; send a finite number', '{"measurements":{"vibration":{"x":"0.02"}}}'),
        letter(26 * hourMs, "time_in_future", "the event is 14 minutes ahead of the gateway's clock; set the device's clock", '{"timestamp":"2027-01-01T00:00:00Z","measurements":{"temperature":21.5}}'),
      ],
    };
  },
  getStoreAccess(_, context) {
    const { tenant } = tenantOfCell(context);
    return { url: "http://127.0.0.1:8123", database: `tenant_${tenant.tenantId}`, username: `tenant_${tenant.tenantId}`, password: "9f2c1e7a4b8d4c0f8f5b2d6a" };
  },
  verifyEvents: (request) => ({ stored: BigInt(request.events.length) }),
};

function usageHour(tenant: MockTenant, start: number, until: number) {
  const part = Math.max(0, Math.min(1, (until - start) / hourMs));
  let events = 0;
  let points = 0;
  for (const device of tenant.devices.values()) {
    if (device.from === undefined || start + hourMs < device.from) continue;
    const count = Math.floor((Math.min(hourMs, until - Math.max(start, device.from)) / kindOf(device.device.deviceType).every) * (0.93 + 0.07 * hash(device.seed, start / hourMs)));
    if (count <= 0) continue;
    events += count;
    points += count * Object.keys(measure(device, 0)).length;
  }
  return create(HourSchema, {
    start: timestampFromMs(start), events: BigInt(events), points: BigInt(points), bytes: BigInt(events * 412),
    duplicates: BigInt(Math.floor(events * 0.0009 * hash(3, start / hourMs))), deadLetters: BigInt(Math.floor(3 * hash(5, start / hourMs) * part * (events > 0 ? 1 : 0))),
  });
}

export const usageService: ServiceImpl<typeof UsageService> = {
  get(request, context) {
    const tenant = tenantOf(context);
    const now = Date.now();
    const end = request.end ? timestampMs(request.end) : now;
    const start = Math.floor((request.start ? timestampMs(request.start) : end - 24 * hourMs) / hourMs) * hourMs;
    const hours = [];
    for (let t = start; t < Math.min(end, now); t += hourMs) hours.push(usageHour(tenant, t, Math.min(t + hourMs, now)));
    const today = create(HourSchema, { start: timestampFromMs(Math.floor(now / (24 * hourMs)) * 24 * hourMs) });
    for (let t = timestampMs(today.start!); t < now; t += hourMs) {
      const h = usageHour(tenant, t, Math.min(t + hourMs, now));
      today.events += h.events;
      today.points += h.points;
      today.duplicates += h.duplicates;
      today.deadLetters += h.deadLetters;
      today.bytes += h.bytes;
    }
    return { hours, today, eventsPerDay: tenant.tenant.limits!.eventsPerDay, plan: tenant.tenant.plan };
  },
};
