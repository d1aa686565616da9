/** The name of a new organisation, and the short name made from it. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { useCreateTenant, type Tenant } from "../api/tenant";
import { Button } from "../ui/Button";
import { TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";
import { slugOf } from "./slug";

const slugPattern = /^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/;

export function OrganisationForm({ onDone }: { onDone: (tenant: Tenant) => void }) {
  const [name, setName] = useState("");
  const [ownSlug, setOwnSlug] = useState<string>();
  const [tried, setTried] = useState(false);
  const create = useCreateTenant();
  const slug = ownSlug ?? slugOf(name);
  const nameError = name.trim() === "" ? "Enter the organisation's name." : undefined;
  const slugError = slug !== "" && !slugPattern.test(slug) ? "Use 3 to 40 lower-case letters, digits and hyphens, with a letter or digit at both ends." : undefined;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (nameError || slugError) return;
    try {
      const { tenant } = await create.mutateAsync({ name: name.trim(), slug });
      if (tenant) onDone(tenant);
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {create.isError && (
        <Notice tone="rust" icon="warning">
          {explain(create.error).detail}
        </Notice>
      )}
      <TextField label="Organisation" name="organisation" placeholder="Acme Manufacturing" maxLength={80} autoComplete="organization" value={name} error={tried ? nameError : undefined} onChange={(e) => setName(e.target.value)} />
      <TextField label="Short name" name="slug" mono hint="Part of links and file names." maxLength={40} spellCheck={false} value={slug} error={slugError} onChange={(e) => setOwnSlug(e.target.value)} />
      <Button kind="primary" size="large" type="submit" wide busy={create.isPending}>
        Create organisation
      </Button>
    </form>
  );
}
