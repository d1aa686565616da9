/** DeviceService over the mock's world. Its certificates have the right shape and no meaning. */
import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { CertificateStatus, DeviceSchema, DeviceStatus, type DeviceService } from "../src/gen/millwright/device/v1/device_pb";
import { Role } from "../src/gen/millwright/tenant/v1/tenant_pb";
import { audit, session, tenantOf } from "./tenant";
import { hash, kindOf } from "./signals";
import { newCertificate, type MockDevice, type MockTenant } from "./world";

const service = "millwright.device.v1.DeviceService";

function find(tenant: MockTenant, deviceId: string): MockDevice {
  const found = tenant.devices.get(deviceId);
  if (!found) throw new ConnectError(`there is no device ${deviceId}`, Code.NotFound);
  return found;
}

function pem(label: string, seed: number): string {
  const body = Array.from({ length: 12 }, (_, line) => Array.from({ length: 64 }, (_, i) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[Math.floor(hash(seed + line, i * 31) * 64)]).join("")).join("\n");
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

function credentials(serial: string) {
  const seed = parseInt(serial.slice(0, 6), 16);
  return { certificatePem: pem("CERTIFICATE", seed) + pem("CERTIFICATE", 2), privateKeyPem: pem("PRIVATE KEY", seed + 1), caPem: pem("CERTIFICATE", 3), serial };
}

function setStatus(context: HandlerContext, deviceId: string, status: DeviceStatus, verb: string) {
  const tenant = tenantOf(context, Role.OPERATOR);
  const found = find(tenant, deviceId);
  found.device.status = status;
  found.until = status === DeviceStatus.SUSPENDED ? Date.now() : Infinity;
  audit(tenant, session(context).email, `${service}/${verb}`, `device/${deviceId}`);
  return { device: found.device };
}

export const deviceService: ServiceImpl<typeof DeviceService> = {
  create(request, context) {
    const tenant = tenantOf(context, Role.ADMIN);
    if (tenant.devices.has(request.deviceId)) throw new ConnectError(`the device id ${request.deviceId} is taken, choose another`, Code.AlreadyExists);
    const certificate = newCertificate(Date.now());
    const device = create(DeviceSchema, {
      deviceId: request.deviceId, deviceType: request.deviceType, status: DeviceStatus.ACTIVE, location: request.location,
      certificates: [certificate], createdAt: timestampNow(),
    });
    tenant.devices.set(request.deviceId, { device, seed: tenant.devices.size + 101, from: undefined, until: Infinity });
    audit(tenant, session(context).email, `${service}/Create`, `device/${request.deviceId}`);
    return { device, credentials: credentials(certificate.serial) };
  },
  get: (request, context) => ({ device: find(tenantOf(context), request.deviceId).device }),
  list(request, context) {
    const all = [...tenantOf(context).devices.values()].map((d) => d.device).sort((a, b) => a.deviceId.localeCompare(b.deviceId));
    const from = Number(request.pageToken || 0);
    const size = request.pageSize || 100;
    return { devices: all.slice(from, from + size), nextPageToken: from + size < all.length ? String(from + size) : "", total: all.length };
  },
  suspend: (request, context) => setStatus(context, request.deviceId, DeviceStatus.SUSPENDED, "Suspend"),
  resume: (request, context) => setStatus(context, request.deviceId, DeviceStatus.ACTIVE, "Resume"),
  issueCertificate(request, context) {
    const tenant = tenantOf(context, Role.ADMIN);
    const certificate = newCertificate(Date.now());
    find(tenant, request.deviceId).device.certificates.unshift(certificate);
    audit(tenant, session(context).email, `${service}/IssueCertificate`, `device/${request.deviceId}`);
    return { credentials: credentials(certificate.serial) };
  },
  revokeCertificate(request, context) {
    const tenant = tenantOf(context, Role.ADMIN);
    const { device } = find(tenant, request.deviceId);
    const certificate = device.certificates.find((c) => c.serial === request.serial);
    if (!certificate) throw new ConnectError(`the device has no certificate ${request.serial}`, Code.NotFound);
    certificate.status = CertificateStatus.REVOKED;
    certificate.revokedAt = timestampNow();
    audit(tenant, session(context).email, `${service}/RevokeCertificate`, `device/${request.deviceId}/certificate/${request.serial}`);
    return { device };
  },
};

/** Makes a device of any tenant begin to send. */
export function startSending(all: Iterable<MockTenant>, deviceId: string): boolean {
  for (const tenant of all) {
    const found = tenant.devices.get(deviceId);
    if (!found) continue;
    found.from ??= Date.now() - kindOf(found.device.deviceType).every;
    return true;
  }
  return false;
}
