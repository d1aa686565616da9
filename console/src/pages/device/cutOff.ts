/** Why a device is cut off, from its certificates. Pure. */
import { CertificateStatus, DeviceStatus, type Device } from "../../api/device";
import { formatAgo, formatDateTime, millis, second } from "../../format/time";

/** How long after the end of its last certificate a message may have been on its way. */
const grace = 5 * second;

/**
 * Says why no certificate of a device is admitted; undefined while one is, where it never had one, and where it was heard
 * after the last one ended: another device speaks for it.
 */
export function cutOff(device: Device, lastSeen: number | undefined, now: number): string | undefined {
  if (device.status !== DeviceStatus.ACTIVE || device.certificates.length === 0) return undefined;
  let last = { at: 0, revoked: false };
  for (const c of device.certificates) {
    const revoked = c.status === CertificateStatus.REVOKED;
    const at = (revoked ? millis(c.revokedAt) : millis(c.notAfter)) ?? 0;
    if (!revoked && c.status !== CertificateStatus.EXPIRED && at > now) return undefined;
    if (at > last.at) last = { at, revoked };
  }
  if (lastSeen !== undefined && lastSeen > last.at + grace) return undefined;
  return `${device.certificates.length === 1 ? "Its certificate" : "Its last certificate"} ${last.revoked ? "was revoked" : "expired"} ${formatAgo(last.at, now)}, on ${formatDateTime(last.at)}.`;
}
