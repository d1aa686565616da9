/** E-mail address and password, for signing in and for signing up. */
import { useState, type FormEvent } from "react";
import { noProblems, type FlowProblems } from "../api/flow";
import type { SubmitResult } from "../api/identity";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";

interface CredentialsFormProps<R extends SubmitResult> {
  action: string;
  newPassword: boolean;
  submit: (email: string, password: string) => Promise<R>;
  onDone: (result: R) => void;
}

export function CredentialsForm<R extends SubmitResult>({ action, newPassword, submit, onDone }: CredentialsFormProps<R>) {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [problems, setProblems] = useState<FlowProblems>();
  const [busy, setBusy] = useState(false);

  async function send(event: FormEvent) {
    event.preventDefault();
    const missing = check(email, password, newPassword);
    if (missing) return setProblems(missing);
    setBusy(true);
    setProblems(undefined);
    try {
      const result = await submit(email.trim(), password);
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
      <TextField label="E-mail address" type="email" name="email" autoComplete="username" value={email} error={problems?.email[0]} onChange={(e) => setEmail(e.target.value)} required />
      <TextField
        label="Password"
        type="password"
        name="password"
        autoComplete={newPassword ? "new-password" : "current-password"}
        hint={newPassword ? "At least 8 characters, and not like your e-mail address." : undefined}
        value={password}
        error={problems?.password[0]}
        onChange={(e) => setPassword(e.target.value)}
        required
      />
      <Button kind="primary" size="large" type="submit" wide busy={busy}>
        {action}
      </Button>
    </form>
  );
}

function check(email: string, password: string, newPassword: boolean): FlowProblems | undefined {
  const problems = noProblems();
  if (!/^[^@\s]+@[^@\s]+$/.test(email.trim())) problems.email.push("Enter an e-mail address, such as you@company.com.");
  if (password === "") problems.password.push("Enter a password.");
  else if (newPassword && password.length < 8) problems.password.push(`Use at least 8 characters; these are ${password.length}.`);
  return problems.email.length + problems.password.length > 0 ? problems : undefined;
}
