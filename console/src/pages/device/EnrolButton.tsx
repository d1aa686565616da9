/** Lets the device get its certificate by itself, with a claim token of its own. */
import { useState } from "react";
import { EnrolCommands, type MadeToken } from "../../bundle/EnrolCommands";
import { ClaimTokenForm } from "../../forms/ClaimTokenForm";
import { useRefusal } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";

export function EnrolButton({ deviceId }: { deviceId: string }) {
  const refusal = useRefusal("provisioning.write");
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<MadeToken>();
  function close() {
    setOpen(false);
    setMade(undefined);
  }
  return (
    <>
      <Button size="small" icon="key" disabledReason={refusal} onClick={() => setOpen(true)}>
        Enrol
      </Button>
      <Dialog title={`Enrol ${deviceId}`} open={open} onClose={close} wide={made !== undefined}>
        {made ? (
          <>
            <EnrolCommands made={made} />
            <DialogActions>
              <Button kind="primary" onClick={close}>
                I have copied it
              </Button>
            </DialogActions>
          </>
        ) : (
          <>
            <p>A claim token lets {deviceId} make its own key and ask for its certificate with openssl and curl, or any EST client (RFC 7030). It works once.</p>
            <ClaimTokenForm device={deviceId} onDone={setMade} />
          </>
        )}
      </Dialog>
    </>
  );
}
