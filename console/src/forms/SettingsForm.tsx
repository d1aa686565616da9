/** The organisation's settings; when somebody else saved first, both versions stand side by side. */
import { useState, type FormEvent } from "react";
import { explain } from "../api/errors";
import { AlertSeverity, settingsConflict, Units, usePlans, useUpdateSettings, type Settings, type Tenant } from "../api/tenant";
import { Button } from "../ui/Button";
import { DialogActions } from "../ui/Dialog";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import styles from "./form.module.css";

interface Values {
  name: string;
  timeZone: string;
  units: Units;
  days: string;
  minutes: string;
  hours: string;
  recipients: string;
  severity: AlertSeverity;
}

const written = (days: number | undefined) => (days ? String(days) : "");

const number = (days: string) => (days.trim() === "" ? 0 : Number(days));

const read = (s: Settings | undefined): Values => ({
  name: s?.name ?? "",
  timeZone: s?.timeZone ?? "UTC",
  units: s?.units ?? Units.METRIC,
  days: written(s?.retentionDays),
  minutes: written(s?.minuteRetentionDays),
  hours: written(s?.hourRetentionDays),
  recipients: s?.alertRecipients.join(", ") ?? "",
  severity: s?.alertSeverity ?? AlertSeverity.WARNING,
});

const zones = (current: string) => {
  const known = Intl.supportedValuesOf("timeZone");
  return ["UTC", ...known, current].filter((zone, at, all) => zone !== "" && all.indexOf(zone) === at);
};

export function SettingsForm({ tenant, refusal }: { tenant: Tenant; refusal: string | undefined }) {
  const [values, setValues] = useState(() => read(tenant.settings));
  const [version, setVersion] = useState(tenant.settings?.version ?? 1n);
  const update = useUpdateSettings();
  const plans = usePlans();
  const toasts = useToasts();
  const most = plans.data?.plans.find((p) => p.plan === tenant.plan);
  const conflict = update.isError ? settingsConflict(update.error) : undefined;
  const set = <K extends keyof Values>(name: K, value: Values[K]) => setValues({ ...values, [name]: value });

  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      const { settings } = await update.mutateAsync({
        version,
        settings: {
          name: values.name.trim(),
          timeZone: values.timeZone,
          units: values.units,
          retentionDays: number(values.days),
          minuteRetentionDays: number(values.minutes),
          hourRetentionDays: number(values.hours),
          alertRecipients: values.recipients.split(",").map((r) => r.trim()).filter((r) => r !== ""),
          alertSeverity: values.severity,
        },
      });
      setValues(read(settings));
      setVersion(settings?.version ?? version);
      toasts.done("The settings were saved");
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  function settle(theirs: boolean) {
    if (theirs) setValues(read(conflict?.current));
    setVersion(conflict?.current?.version ?? version);
    update.reset();
  }

  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {update.isError && (
        <Notice tone="rust" icon="warning">
          {explain(update.error).detail}
          {conflict && <Difference yours={read(conflict.yours)} theirs={read(conflict.current)} onKeep={() => settle(false)} onTake={() => settle(true)} />}
        </Notice>
      )}
      <TextField label="Name" maxLength={80} value={values.name} error={values.name.trim() === "" ? "Enter the organisation's name." : undefined} onChange={(e) => set("name", e.target.value)} />
      <div className={styles.row}>
        <SelectField label="Time zone" hint="Of the times in the console, unless a reader chooses another. Days of usage and limits are UTC days." value={values.timeZone} onChange={(e) => set("timeZone", e.target.value)}>
          {zones(values.timeZone).map((zone) => (
            <option key={zone}>{zone}</option>
          ))}
        </SelectField>
        <SelectField label="Units in charts" value={values.units} onChange={(e) => set("units", Number(e.target.value))}>
          <option value={Units.METRIC}>metric (°C, bar, mm)</option>
          <option value={Units.IMPERIAL}>imperial (°F, psi, in)</option>
        </SelectField>
      </div>
      <div className={styles.row}>
        <DaysField label="Keep events for (days)" most={most?.retentionDays} value={values.days} onChange={(days) => set("days", days)} />
        <DaysField label="Minutes for (days)" most={most?.minuteRetentionDays} value={values.minutes} onChange={(days) => set("minutes", days)} />
        <DaysField label="Hours for (days)" most={most?.hourRetentionDays} value={values.hours} onChange={(days) => set("hours", days)} />
      </div>
      <div className={styles.row}>
        <TextField label="Alerts go to" optional hint="Kept for later: no alerts are sent yet. E-mail addresses, with commas between." value={values.recipients} onChange={(e) => set("recipients", e.target.value)} />
        <SelectField label="By e-mail from" hint="Kept for later, too." value={values.severity} onChange={(e) => set("severity", Number(e.target.value))}>
          <option value={AlertSeverity.INFO}>info</option>
          <option value={AlertSeverity.WARNING}>warning</option>
          <option value={AlertSeverity.CRITICAL}>critical</option>
        </SelectField>
      </div>
      <DialogActions>
        <Button kind="primary" type="submit" busy={update.isPending} disabledReason={refusal}>
          Save settings
        </Button>
      </DialogActions>
    </form>
  );
}

interface DaysProps {
  label: string;
  /** What the plan allows. */
  most: number | undefined;
  value: string;
  onChange: (days: string) => void;
}

function DaysField({ label, most, value, onChange }: DaysProps) {
  return (
    <TextField
      label={label}
      inputMode="numeric"
      optional
      hint={most === undefined ? "Empty: as long as the plan allows." : `Empty: as long as the plan allows, ${most} days. What is older is deleted for good.`}
      value={value}
      error={/^\s*\d*\s*$/.test(value) ? undefined : "Enter a number of days."}
      onChange={(e) => onChange(e.target.value)}
    />
  );
}

const labels: Record<keyof Values, string> = {
  name: "Name", timeZone: "Time zone", units: "Units", days: "Events kept (days)", minutes: "Minutes kept (days)", hours: "Hours kept (days)",
  recipients: "Alerts go to", severity: "By e-mail from",
};

const shown = (name: keyof Values, values: Values) => {
  if (name === "units") return values.units === Units.IMPERIAL ? "imperial" : "metric";
  if (name === "severity") return AlertSeverity[values.severity].toLowerCase();
  return String(values[name]) || "–";
};

function Difference({ yours, theirs, onKeep, onTake }: { yours: Values; theirs: Values; onKeep: () => void; onTake: () => void }) {
  const different = (Object.keys(labels) as Array<keyof Values>).filter((name) => yours[name] !== theirs[name]);
  return (
    <>
      <ul>
        {different.map((name) => (
          <li key={name}>
            {labels[name]}: yours <strong>{shown(name, yours)}</strong>, saved meanwhile <strong>{shown(name, theirs)}</strong>
          </li>
        ))}
      </ul>
      <Button size="small" onClick={onKeep}>
        Keep mine
      </Button>{" "}
      <Button size="small" onClick={onTake}>
        Take theirs
      </Button>
    </>
  );
}
