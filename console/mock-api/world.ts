/** The mock's whole state, in memory: accounts, sessions, tenants and their devices. Restarting it starts over. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { CertificateSchema, CertificateStatus, DeviceSchema, DeviceStatus, type Device } from "../src/gen/millwright/device/v1/device_pb";
import { LimitsSchema, Role, TenantSchema, TenantStatus, type AuditEntry, type Key, type Tenant } from "../src/gen/millwright/tenant/v1/tenant_pb";
import { hash, kinds } from "./signals";

export interface MockDevice {
  device: Device;
  seed: number;
  /** Milliseconds; undefined: never sent. Sends from `from` to `until`. */
  from: number | undefined;
  until: number;
}

export interface MockTenant {
  tenant: Tenant;
  members: Map<string, Role>;
  devices: Map<string, MockDevice>;
  keys: Key[];
  audit: AuditEntry[];
}

export interface Session {
  email: string;
  tenantId: string | undefined;
}

export const accounts = new Map<string, string>();
export const sessions = new Map<string, Session>();
export const tenants = new Map<string, MockTenant>();

const dayMs = 86_400_000;
let counter = 1;

/** A made-up identifier: the prefix and sixteen characters. */
export function newId(prefix = ""): string {
  const n = counter++;
  return prefix + Array.from({ length: 16 }, (_, i) => "abcdefghijklmnopqrstuvwxyz234567"[Math.floor(hash(n, i * 7919) * 32)]).join("");
}

export function hexSerial(): string {
  const n = counter++;
  return Array.from({ length: 32 }, (_, i) => "0123456789abcdef"[Math.floor(hash(n, i * 104_729) * 16)]).join("");
}

export function newCertificate(now: number, life = 90 * dayMs) {
  return create(CertificateSchema, {
    serial: hexSerial(),
    status: life > 0 ? CertificateStatus.ACTIVE : CertificateStatus.EXPIRED,
    notBefore: timestampFromMs(Math.min(now, now + life - dayMs)),
    notAfter: timestampFromMs(now + life),
  });
}

export function addTenant(name: string, slug: string, origin: string, owner: string): MockTenant {
  const host = new URL(origin).hostname;
  const made: MockTenant = {
    tenant: create(TenantSchema, {
      tenantId: newId(),
      name,
      slug,
      status: TenantStatus.ACTIVE,
      plan: "trial",
      limits: create(LimitsSchema, {
        devices: 500, eventsPerSecond: 2000, eventsBurst: 10_000, eventsPerDay: 5_000_000n,
        payloadBytes: 262_144, measurementsPerDevice: 200, keys: 20, members: 25,
      }),
      cell: "local",
      cellUrl: origin,
      ingestUrl: `https://${host}:8443/v1/telemetry`,
      mqttAddress: `${host}:8883`,
      mqttWebsocketUrl: `wss://${host}:8884/mqtt`,
      createdAt: timestampFromMs(Date.now() - 34 * dayMs),
    }),
    members: new Map([[owner, Role.OWNER]]),
    devices: new Map(),
    keys: [],
    audit: [],
  };
  tenants.set(made.tenant.tenantId, made);
  return made;
}

/** Fills the mock: Acme with a plant of 60 devices, and a second, empty organisation for the same person. */
export function seedWorld(origin: string) {
  if (tenants.size > 0) return;
  accounts.set("demo@acme.example", "millwright-demo");
  accounts.set("viewer@acme.example", "millwright-demo");
  const acme = addTenant("Acme Manufacturing", "acme", origin, "demo@acme.example");
  acme.members.set("viewer@acme.example", Role.VIEWER);
  addTenant("Northfield Bearings", "northfield", origin, "demo@acme.example");
  const now = Date.now();
  for (let i = 0; i < 60; i++) {
    const kind = kinds[i % kinds.length]!;
    const facility = i % 5 < 3 ? "magdeburg" : "leipzig";
    const line = ["forge", "milling", "assembly"][Math.floor(i / 6) % 3]!;
    const id = `${kind.prefix}_${facility.slice(0, 3)}_${String(Math.floor(i / 6) + 1).padStart(2, "0")}`;
    const quiet = i === 17 || i === 40;
    const never = i === 52;
    const device = create(DeviceSchema, {
      deviceId: id,
      deviceType: kind.type,
      status: i === 33 ? DeviceStatus.SUSPENDED : DeviceStatus.ACTIVE,
      location: { facility, line, station: `${line}-${String((i % 7) + 1).padStart(2, "0")}` },
      certificates: [newCertificate(now - 30 * dayMs, i === 8 ? 36 * dayMs : 90 * dayMs)],
      createdAt: timestampFromMs(now - (30 - (i % 20)) * dayMs),
    });
    acme.devices.set(id, {
      device,
      seed: i + 1,
      from: never ? undefined : now - 8 * dayMs,
      until: i === 33 ? now - 3_600_000 : quiet ? now - (i + 10) * 60_000 : Infinity,
    });
  }
}
