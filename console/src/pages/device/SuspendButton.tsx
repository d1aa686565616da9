/** Suspends a device, after asking, or resumes it. */
import { useState } from "react";
import { DeviceStatus, useResumeDevice, useSuspendDevice, type Device } from "../../api/device";
import { explain } from "../../api/errors";
import { useRefusal } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Dialog";
import { useToasts } from "../../ui/Toasts";

export function SuspendButton({ device }: { device: Device }) {
  const refusal = useRefusal("devices.operate");
  const toasts = useToasts();
  const suspend = useSuspendDevice();
  const resume = useResumeDevice();
  const [asking, setAsking] = useState(false);
  const { deviceId } = device;

  async function run(action: typeof suspend | typeof resume, done: string) {
    try {
      await action.mutateAsync({ deviceId });
      toasts.done(done);
    } catch (error) {
      toasts.failed(`Could not change ${deviceId}`, explain(error).detail);
    }
    setAsking(false);
  }

  if (device.status === DeviceStatus.SUSPENDED) {
    return (
      <Button kind="primary" icon="play" busy={resume.isPending} disabledReason={refusal} onClick={() => run(resume, `${deviceId} is admitted again`)}>
        Resume
      </Button>
    );
  }
  return (
    <>
      <Button icon="pause" disabledReason={refusal} onClick={() => setAsking(true)}>
        Suspend
      </Button>
      <Confirm title={`Suspend ${deviceId}?`} open={asking} onClose={() => setAsking(false)} confirm="Suspend device" busy={suspend.isPending} onConfirm={() => run(suspend, `${deviceId} is suspended`)}>
        The gateway cuts its session and refuses its messages until you resume it. What it sent before stays.
      </Confirm>
    </>
  );
}
