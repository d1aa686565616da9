/** A modal dialog on the browser's own <dialog>: focus stays inside, Escape closes, focus goes back. */
import { useEffect, useId, useRef, type ReactNode } from "react";
import { Button, IconButton, type ButtonKind } from "./Button";
import { cx } from "./cx";
import styles from "./Dialog.module.css";

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  wide?: boolean;
  children: ReactNode;
}

export function Dialog({ title, open, onClose, wide, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    if (open && dialog && !dialog.open) dialog.showModal();
    if (!open && dialog?.open) dialog.close();
  }, [open]);
  return (
    <dialog ref={ref} className={cx(styles.dialog, wide && styles.wide)} aria-labelledby={id} onClose={onClose}>
      {open && (
        <>
          <header className={styles.head}>
            <h2 id={id}>{title}</h2>
            <IconButton label="Close" icon="close" onClick={onClose} />
          </header>
          <div className={styles.body}>{children}</div>
        </>
      )}
    </dialog>
  );
}

/** The buttons at a dialog's end. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.foot}>{children}</div>;
}

interface ConfirmProps {
  title: string;
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  confirm: string;
  kind?: ButtonKind;
  busy?: boolean;
  children: ReactNode;
}

/** Asks before something that cannot be taken back easily. */
export function Confirm({ title, open, onClose, onConfirm, confirm, kind = "danger", busy = false, children }: ConfirmProps) {
  return (
    <Dialog title={title} open={open} onClose={onClose}>
      <div>{children}</div>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind={kind} onClick={onConfirm} busy={busy}>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
