/** The second factor: codes of an authenticator app (TOTP). */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { begin, submit } from "../api/identityFlow";
import { Button } from "../ui/Button";
import { CopyBlock } from "../ui/CopyBlock";
import { Notice, SkeletonRows } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import { CodeForm } from "./CodeForm";
import styles from "./form.module.css";

export function SecondFactor() {
  const { data: flow, refetch: read } = useQuery({ queryKey: ["settings-flow"], queryFn: () => begin("settings"), staleTime: 600_000, refetchOnWindowFocus: false });
  const [setting, setSetting] = useState(false);
  const toasts = useToasts();

  if (!flow) return <SkeletonRows rows={2} />;
  if (!flow.ui) return <Notice tone="brass">{flow.error?.reason ?? flow.error?.message}</Notice>;
  const node = (id: string) => flow.ui?.nodes.find((n) => n.attributes.id === id)?.attributes;
  const qr = node("totp_qr")?.src;
  const secret = node("totp_secret_key")?.text?.text;

  async function unlink() {
    const result = await submit("settings", { method: "totp", totp_unlink: true });
    if (result.ok) toasts.done("The second factor is off");
    else toasts.failed("Could not turn it off", Object.values(result.problems).flat()[0]);
    await read();
  }

  if (!qr) {
    return (
      <section className={styles.form} aria-label="Second factor">
        <Notice tone="accent" icon="check">
          The second factor is on: signing in asks for a code of your authenticator app.
        </Notice>
        <Button onClick={unlink}>Turn it off</Button>
      </section>
    );
  }
  return (
    <section className={styles.form} aria-label="Second factor">
      <p>With a second factor, a stolen password is not enough to sign in as you.</p>
      {!setting && <Button onClick={() => setSetting(true)}>Set up a second factor</Button>}
      {setting && (
        <>
          <img className={styles.qr} src={qr} alt="QR code for your authenticator app" width={200} height={200} />
          {secret && <CopyBlock text={secret} label="the key for your app" />}
          <CodeForm
            label="Code of the app"
            hint="Scan the picture with your app, then type what it shows."
            action="Turn it on"
            submit={(code) => submit("settings", { method: "totp", totp_code: code }, { flowId: flow.id })}
            onDone={() => {
              setSetting(false);
              toasts.done("The second factor is on");
              void read();
            }}
          />
        </>
      )}
    </section>
  );
}
