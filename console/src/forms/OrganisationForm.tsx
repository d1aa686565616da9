/** The name of a new organisation, and the short name made from it. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { useCreateTenant, usePlans, useRegions, type Tenant } from "../api/tenant";
import { formatCount } from "../format/number";
import { Button } from "../ui/Button";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import styles from "./form.module.css";
import { slugOf } from "./slug";

const slugPattern = /^[a-z0-9][a-z0-9-]{1,38}[a-z0-9]$/;

export function OrganisationForm({ onDone }: { onDone: (tenant: Tenant) => void }) {
  const [name, setName] = useState("");
  const [ownSlug, setOwnSlug] = useState<string>();
  const [tried, setTried] = useState(false);
  const [region, setRegion] = useState("");
  const [plan, setPlan] = useState("team");
  const create = useCreateTenant();
  const regions = useRegions().data?.regions ?? [];
  const plans = usePlans().data?.plans ?? [];
  const chosen = plans.find((p) => p.plan === plan);
  const slug = ownSlug ?? slugOf(name);
  const nameError = name.trim() === "" ? "Enter the organisation's name." : undefined;
  const slugError = slug !== "" && !slugPattern.test(slug) ? "Use 3 to 40 lower-case letters, digits and hyphens, with a letter or digit at both ends." : undefined;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (nameError || slugError) return;
    try {
      const { tenant } = await create.mutateAsync({ name: name.trim(), slug, region, plan });
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
      <div className={styles.row}>
        {regions.length > 1 && (
          <SelectField label="Region" hint="Telemetry stays there." value={region} onChange={(e) => setRegion(e.target.value)}>
            <option value="">any</option>
            {regions.map((r) => (
              <option key={r.region}>{r.region}</option>
            ))}
          </SelectField>
        )}
        <SelectField
          label="Plan"
          hint={chosen && `${chosen.title} ${formatCount(chosen.limits?.devices ?? 0)} devices, ${formatCount(chosen.limits?.eventsPerDay ?? 0n)} events a day, kept for up to ${chosen.retentionDays} days, hours made of them for ${chosen.hourRetentionDays}.`}
          value={plan}
          onChange={(e) => setPlan(e.target.value)}
        >
          {plans.length === 0 && <option>team</option>}
          {plans.map((p) => (
            <option key={p.plan}>{p.plan}</option>
          ))}
        </SelectField>
      </div>
      <Button kind="primary" size="large" type="submit" wide busy={create.isPending}>
        Create organisation
      </Button>
    </form>
  );
}
