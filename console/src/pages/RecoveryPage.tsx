/** A forgotten password: an e-mail with a code, then a new password. */
import { useState, type FormEvent } from "react";
import { Link, useNavigate } from "react-router";
import { recover, sendRecovery } from "../api/identity";
import { CodeForm } from "../forms/CodeForm";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";

export default function RecoveryPage() {
  const navigate = useNavigate();
  const [email, setEmail] = useState("");
  const [flowId, setFlowId] = useState<string>();
  const [trouble, setTrouble] = useState<string>();
  const [busy, setBusy] = useState(false);
  useTitle("Recover your account");

  async function send(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setTrouble(undefined);
    try {
      const result = await sendRecovery(email.trim());
      if (result.ok) setFlowId(result.flow.id);
      else setTrouble(Object.values(result.problems).flat()[0]);
    } catch {
      setTrouble("The server did not answer. Check the connection, then try again.");
    }
    setBusy(false);
  }

  return (
    <>
      <div className={form.intro}>
        <h1>Recover your account</h1>
        <p>{flowId ? `If ${email.trim()} has an account, a code is on its way there.` : "We send you an e-mail with a code."}</p>
      </div>
      {flowId ? (
        <CodeForm label="Code" action="Go on" submit={(code) => recover(flowId, code)} onDone={() => navigate(paths.account(), { replace: true })} />
      ) : (
        <form className={form.form} onSubmit={send} noValidate>
          <TextField label="E-mail address" type="email" name="email" autoComplete="username" value={email} error={trouble} onChange={(e) => setEmail(e.target.value)} />
          <Button kind="primary" size="large" type="submit" wide busy={busy} disabledReason={email.includes("@") ? undefined : "Enter your e-mail address first."}>
            Send me a code
          </Button>
        </form>
      )}
      <p className={form.switch}>
        {flowId && (
          <Button kind="quiet" size="small" onClick={() => setFlowId(undefined)}>
            Another address
          </Button>
        )}{" "}
        <Link to={paths.signIn()}>Sign in</Link>
      </p>
    </>
  );
}
