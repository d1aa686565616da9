/** Changes a device, or retires it after its name was typed. */
import { useState } from "react";
import { DeviceStatus, useRetireDevice, type Device } from "../../api/device";
import { explain } from "../../api/errors";
import { EditDeviceForm } from "../../forms/EditDeviceForm";
import { useRefusal } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { useToasts } from "../../ui/Toasts";

export function EditButtons({ device }: { device: Device }) {
  const refusal = useRefusal("devices.write");
  const [doing, setDoing] = useState<"edit" | "retire">();
  const [typed, setTyped] = useState("");
  const retire = useRetireDevice();
  const toasts = useToasts();
  const { deviceId } = device;
  const close = () => {
    setDoing(undefined);
    setTyped("");
  };
  if (device.status === DeviceStatus.RETIRED) return null;

  async function end() {
    try {
      await retire.mutateAsync({ deviceId });
      toasts.done(`${deviceId} is retired`);
    } catch (error) {
      toasts.failed(`Could not retire ${deviceId}`, explain(error).detail);
    }
    close();
  }

  return (
    <>
      <Button icon="settings" disabledReason={refusal} onClick={() => setDoing("edit")}>
        Edit
      </Button>
      <Button kind="danger" icon="trash" disabledReason={refusal} onClick={() => setDoing("retire")}>
        Retire
      </Button>
      <Dialog title={`Edit ${deviceId}`} open={doing === "edit"} onClose={close} wide>
        <EditDeviceForm device={device} onDone={close} />
      </Dialog>
      <Dialog title={`Retire ${deviceId}?`} open={doing === "retire"} onClose={close}>
        <p>Its certificates are revoked and the gateway refuses it for good. What it sent stays, and so its id is not given again. This cannot be undone.</p>
        <TextField label={`Type ${deviceId} to confirm`} mono autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />
        <DialogActions>
          <Button onClick={close}>Cancel</Button>
          <Button kind="danger" busy={retire.isPending} disabledReason={typed === deviceId ? undefined : `Type ${deviceId} first.`} onClick={end}>
            Retire device
          </Button>
        </DialogActions>
      </Dialog>
    </>
  );
}
