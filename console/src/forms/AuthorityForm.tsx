/** Registering a CA of one's own, and proving possession of its key. */
import { useState, type FormEvent } from "react";
import { IdentitySource, useRegisterAuthority, useTemplates, useVerifyAuthority, type Authority } from "../api/certificate";
import { explain } from "../api/errors";
import { Button } from "../ui/Button";
import { CopyBlock } from "../ui/CopyBlock";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";
import { PemField } from "./PemField";

export function AuthorityForm({ onDone }: { onDone: (authority: Authority | undefined) => void }) {
  const templates = useTemplates().data?.templates ?? [];
  const [name, setName] = useState("");
  const [pem, setPem] = useState("");
  const [identity, setIdentity] = useState(IdentitySource.COMMON_NAME);
  const [templateId, setTemplateId] = useState("");
  const [tried, setTried] = useState(false);
  const register = useRegisterAuthority();

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (name.trim() === "" || pem.trim() === "") return;
    try {
      const { authority } = await register.mutateAsync({ name: name.trim(), certificatePem: pem, identity, templateId });
      onDone(authority);
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {register.isError && (
        <Notice tone="rust" icon="warning">
          {explain(register.error).detail}
        </Notice>
      )}
      <TextField label="Name" placeholder="Plant CA" maxLength={80} value={name} error={tried && name.trim() === "" ? "Give it a name." : undefined} onChange={(e) => setName(e.target.value)} />
      <PemField label="The CA's certificate" value={pem} error={tried && pem.trim() === "" ? "Paste the certificate, never its key." : undefined} onChange={setPem} />
      <div className={styles.row}>
        <SelectField label="Device id is" value={identity} onChange={(e) => setIdentity(Number(e.target.value))}>
          <option value={IdentitySource.COMMON_NAME}>the common name</option>
          <option value={IdentitySource.URI}>the end of the URI</option>
        </SelectField>
        <SelectField label="Unknown devices" value={templateId} onChange={(e) => setTemplateId(e.target.value)}>
          <option value="">are refused</option>
          {templates.map((t) => (
            <option key={t.templateId} value={t.templateId}>
              are made by {t.name}
            </option>
          ))}
        </SelectField>
      </div>
      <DialogActions>
        <Button kind="primary" type="submit" busy={register.isPending}>
          Register
        </Button>
      </DialogActions>
    </form>
  );
}

export function VerifyAuthorityForm({ authority, onDone }: { authority: Authority; onDone: () => void }) {
  const [pem, setPem] = useState("");
  const verify = useVerifyAuthority();
  const commands = `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout proof-key.pem -subj "/CN=${authority.verificationCode}" -out proof.csr
openssl x509 -req -in proof.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 1 -out proof.pem`;

  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await verify.mutateAsync({ authorityId: authority.authorityId, certificatePem: pem });
      onDone();
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {verify.isError && (
        <Notice tone="rust" icon="warning">
          {explain(verify.error).detail}
        </Notice>
      )}
      <p>Issue a certificate with this CA whose common name is the code, for example so, and paste it:</p>
      <CopyBlock text={commands} label="the commands" />
      <PemField label="Verification certificate" value={pem} onChange={setPem} />
      <DialogActions>
        <Button kind="primary" type="submit" busy={verify.isPending} disabledReason={pem.trim() === "" ? "Paste the certificate first." : undefined}>
          Prove
        </Button>
      </DialogActions>
    </form>
  );
}
