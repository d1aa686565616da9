/** A new password for who is signed in. */
import { useState, type FormEvent } from "react";
import { submit } from "../api/identityFlow";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { useToasts } from "../ui/Toasts";
import styles from "./form.module.css";

export function PasswordForm() {
  const [password, setPassword] = useState("");
  const [trouble, setTrouble] = useState<string>();
  const [busy, setBusy] = useState(false);
  const toasts = useToasts();

  async function send(event: FormEvent) {
    event.preventDefault();
    if (password.length < 8) return setTrouble("Use at least 8 characters.");
    setBusy(true);
    const result = await submit("settings", { method: "password", password });
    setBusy(false);
    if (!result.ok) return setTrouble(result.problems.password[0] ?? result.problems.general[0]);
    setTrouble(undefined);
    setPassword("");
    toasts.done("Your password is changed");
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      <TextField label="New password" type="password" autoComplete="new-password" hint="At least 8 characters, and not like your e-mail address." value={password} error={trouble} onChange={(e) => setPassword(e.target.value)} />
      <Button type="submit" busy={busy}>
        Change password
      </Button>
    </form>
  );
}
