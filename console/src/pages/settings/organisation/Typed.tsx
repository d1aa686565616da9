/** A dialog for what cannot be taken back: the organisation's short name has to be typed. */
import { useState, type ReactNode } from "react";
import { explain } from "../../../api/errors";
import type { Tenant } from "../../../api/tenant";
import form from "../../../forms/form.module.css";
import { Button } from "../../../ui/Button";
import { Dialog, DialogActions } from "../../../ui/Dialog";
import { TextField } from "../../../ui/Field";
import { Notice } from "../../../ui/States";

interface TypedProps {
  tenant: Tenant;
  title: string;
  action: string;
  open: boolean;
  busy: boolean;
  error: unknown;
  /** Why it cannot be done yet, beside what is to be typed. */
  refusal?: string | undefined;
  onClose: () => void;
  onConfirm: (typed: string) => void;
  children: ReactNode;
}

export function Typed({ tenant, title, action, open, busy, error, refusal, onClose, onConfirm, children }: TypedProps) {
  const [typed, setTyped] = useState("");
  const wrong = typed === tenant.slug ? refusal : `Type ${tenant.slug} first.`;
  return (
    <Dialog title={title} open={open} onClose={onClose}>
      <div className={form.form}>
        {error ? (
          <Notice tone="rust" icon="warning">
            {explain(error).detail}
          </Notice>
        ) : null}
        {children}
        <TextField label={`Type ${tenant.slug} to confirm`} mono autoComplete="off" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="danger" busy={busy} disabledReason={wrong} onClick={() => onConfirm(typed)}>
            {action}
          </Button>
        </DialogActions>
      </div>
    </Dialog>
  );
}
