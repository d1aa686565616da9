/** Says why the gateway refuses a device, and what lets it in again. */
import { DeviceStatus, type Device } from "../../api/device";
import { formatDate, millis } from "../../format/time";
import { Notice } from "../../ui/States";

export function StandingNotice({ device, cut }: { device: Device; cut: string | undefined }) {
  if (cut) {
    return (
      <Notice tone="rust" icon="warning">
        <strong>The gateway refuses this device.</strong> {cut} Its sessions were ended. Issue a new certificate, or let the device enrol with a claim token.
      </Notice>
    );
  }
  if (device.status === DeviceStatus.SUSPENDED) {
    return (
      <Notice tone="rust" icon="pause">
        <strong>Suspended.</strong> The gateway ended its sessions and refuses its messages until it is resumed.
      </Notice>
    );
  }
  if (device.status === DeviceStatus.RETIRED) {
    return (
      <Notice icon="info">
        <strong>Retired{device.retiredAt ? ` on ${formatDate(millis(device.retiredAt) ?? 0)}` : ""}.</strong> It is out of use for good; what it sent stays.
      </Notice>
    );
  }
  return null;
}
