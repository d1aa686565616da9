/** A code of six digits, from an e-mail or an authenticator app. */
import { useState, type FormEvent, type ReactNode } from "react";
import type { FlowProblems } from "../api/flow";
import { noProblems } from "../api/flow";
import type { SubmitResult } from "../api/identity";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";

interface CodeFormProps<R extends SubmitResult> {
  label: string;
  hint?: ReactNode;
  action: string;
  submit: (code: string) => Promise<R>;
  onDone: (result: R) => void;
}

export function CodeForm<R extends SubmitResult>({ label, hint, action, submit, onDone }: CodeFormProps<R>) {
  const [code, setCode] = useState("");
  const [problems, setProblems] = useState<FlowProblems>();
  const [busy, setBusy] = useState(false);
  const digits = code.replace(/\s/g, "");

  async function send(event: FormEvent) {
    event.preventDefault();
    if (!/^\d{6}$/.test(digits)) return setProblems({ ...noProblems(), code: ["Enter the six digits."] });
    setBusy(true);
    setProblems(undefined);
    try {
      const result = await submit(digits);
      if (result.ok) return onDone(result);
      setProblems(result.problems);
    } catch {
      setProblems({ ...noProblems(), general: ["The server did not answer. Check the connection, then try again."] });
    }
    setBusy(false);
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      <div role="alert" hidden={!problems?.general.length}>
        {problems?.general.map((text) => (
          <Notice key={text} tone="rust" icon="warning">
            {text}
          </Notice>
        ))}
      </div>
      <TextField label={label} hint={hint} mono inputMode="numeric" autoComplete="one-time-code" maxLength={8} value={code} error={problems?.code[0]} onChange={(e) => setCode(e.target.value)} />
      <Button kind="primary" size="large" type="submit" wide busy={busy}>
        {action}
      </Button>
    </form>
  );
}
