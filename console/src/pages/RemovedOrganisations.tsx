/** What is left of organisations that this person had deleted: how much was removed, and the audit log. */
import { useRemoved, type Removed } from "../api/tenant";
import { download } from "../bundle/download";
import { formatCount } from "../format/number";
import { formatDateTime, millis } from "../format/time";
import { Button } from "../ui/Button";
import styles from "./ChooseOrganisationPage.module.css";

export function RemovedOrganisations() {
  const { data } = useRemoved();
  if (!data || data.tenants.length === 0) return null;
  return (
    <section className={styles.removed} aria-label="Deleted organisations">
      <h2>Deleted organisations</h2>
      {data.tenants.map((t) => (
        <Entry key={t.tenantId} removed={t} />
      ))}
    </section>
  );
}

function Entry({ removed }: { removed: Removed }) {
  const at = millis(removed.removedAt);
  const verified = millis(removed.verifiedAt);
  const counts = Object.entries(removed.counts).sort(([a], [b]) => a.localeCompare(b));
  return (
    <details>
      <summary>
        <strong>{removed.name}</strong> removed {at === undefined ? "" : formatDateTime(at)};{" "}
        {verified === undefined ? "being looked through again" : "looked through again, nothing is left"}
      </summary>
      <ul>
        {counts.map(([name, n]) => (
          <li key={name}>
            {formatCount(n)} {name.replaceAll("_", " ")}
          </li>
        ))}
      </ul>
      <Button size="small" icon="download" onClick={() => download(`audit-${removed.tenantId}.ndjson`, removed.auditNdjson, "application/x-ndjson")}>
        Audit log
      </Button>
    </details>
  );
}
