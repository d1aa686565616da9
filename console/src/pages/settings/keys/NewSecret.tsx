/** Shows a new secret, this once. */
import { Button } from "../../../ui/Button";
import { CopyBlock } from "../../../ui/CopyBlock";
import { DialogActions } from "../../../ui/Dialog";
import { Notice } from "../../../ui/States";

export function NewSecret({ secret, onDone }: { secret: string; onDone: () => void }) {
  return (
    <>
      <Notice tone="brass" icon="warning">
        This is the only time the key is shown. Copy it to where it will be used.
      </Notice>
      <CopyBlock text={secret} label="the API key" wrap />
      <DialogActions>
        <Button kind="primary" onClick={onDone}>
          I have copied it
        </Button>
      </DialogActions>
    </>
  );
}
