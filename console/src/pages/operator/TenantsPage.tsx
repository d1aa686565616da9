/** Operations: every organisation, found by the beginning of its name, short name or id. */
import { useState, type FormEvent } from "react";
import { explain } from "../../api/errors";
import { useResumeTenant, useSuspendTenant, useTenants, type PlatformTenant } from "../../api/platform";
import { TenantStatus } from "../../api/tenant";
import { formatCount } from "../../format/number";
import { formatDate, millis } from "../../format/time";
import form from "../../forms/form.module.css";
import { ActionCell } from "../../ui/ActionCell";
import { Badge, type Tone } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Dialog, DialogActions } from "../../ui/Dialog";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import table from "../../ui/Table.module.css";
import { useToasts } from "../../ui/Toasts";

const states: Partial<Record<TenantStatus, { tone: Tone; word: string }>> = {
  [TenantStatus.PROVISIONING]: { tone: "brass", word: "being prepared" },
  [TenantStatus.ACTIVE]: { tone: "accent", word: "active" },
  [TenantStatus.SUSPENDED]: { tone: "rust", word: "suspended" },
};

export default function TenantsPage() {
  const [query, setQuery] = useState("");
  const [page, setPage] = useState<string[]>([]);
  const { data, error, refetch } = useTenants(query, page.at(-1) ?? "");
  const [suspending, setSuspending] = useState<PlatformTenant>();
  const resume = useResumeTenant();
  const toasts = useToasts();

  async function serve(t: PlatformTenant) {
    try {
      await resume.mutateAsync({ tenantId: t.tenantId });
      toasts.done(`${t.name} is served again`);
    } catch (failure) {
      toasts.failed(`Could not resume ${t.name}`, explain(failure).detail);
    }
  }

  return (
    <Panel title="Organisations" note={data && `${formatCount(data.total)} found`}>
      <TextField
        label="Search"
        type="search"
        hint="The beginning of a name, short name or id."
        value={query}
        maxLength={80}
        onChange={(e) => {
          setQuery(e.target.value);
          setPage([]);
        }}
      />
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={4} />}
      {data?.tenants.length === 0 && (
        <Empty icon="search" title="No such organisation" compact>
          Nothing begins with “{query}”.
        </Empty>
      )}
      {data && data.tenants.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              {["Organisation", "Id", "State", "Plan", "Cell", "Since"].map((heading) => (
                <th key={heading} scope="col">
                  {heading}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.tenants.map((t) => {
              const state = states[t.status] ?? { tone: "steel", word: "ending" };
              return (
                <tr key={t.tenantId}>
                  <td data-lead>
                    {t.name} <span className={table.muted}>{t.slug}</span>
                  </td>
                  <td data-label="Id">
                    <code>{t.tenantId}</code>
                  </td>
                  <td data-label="State">
                    <Badge tone={state.tone}>{state.word}</Badge>
                  </td>
                  <td data-label="Plan">{t.plan}</td>
                  <td data-label="Cell">{t.cell}</td>
                  <td data-label="Since" className={table.muted}>
                    {formatDate(millis(t.createdAt) ?? 0)}
                  </td>
                  <ActionCell>
                    {t.status === TenantStatus.SUSPENDED ? (
                      <Button size="small" onClick={() => serve(t)}>
                        Resume
                      </Button>
                    ) : (
                      <Button size="small" kind="quiet" onClick={() => setSuspending(t)}>
                        Suspend
                      </Button>
                    )}
                  </ActionCell>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
      {(page.length > 0 || data?.nextPageToken) && (
        <p>
          <Button size="small" disabledReason={page.length === 0 ? "This is the first page." : undefined} onClick={() => setPage(page.slice(0, -1))}>
            Back
          </Button>{" "}
          <Button size="small" disabledReason={data?.nextPageToken ? undefined : "This is the last page."} onClick={() => data && setPage([...page, data.nextPageToken])}>
            Next
          </Button>
        </p>
      )}
      <Dialog title={`Suspend ${suspending?.name ?? ""}?`} open={suspending !== undefined} onClose={() => setSuspending(undefined)}>
        {suspending && <SuspendForm tenant={suspending} onDone={() => setSuspending(undefined)} />}
      </Dialog>
    </Panel>
  );
}

/** Suspending is typed: the organisation's short name, and the reason that its people and devices are told. */
function SuspendForm({ tenant, onDone }: { tenant: PlatformTenant; onDone: () => void }) {
  const [reason, setReason] = useState("");
  const [typed, setTyped] = useState("");
  const suspend = useSuspendTenant();

  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await suspend.mutateAsync({ tenantId: tenant.tenantId, reason: reason.trim() });
      onDone();
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  return (
    <form className={form.form} onSubmit={send}>
      {suspend.isError && (
        <Notice tone="rust" icon="warning">
          {explain(suspend.error).detail}
        </Notice>
      )}
      <p>Its devices are cut off and refused at once, and so are its people. Everything stored is kept, and you can resume it.</p>
      <TextField label="Reason" required maxLength={200} hint="Whoever is refused is told." value={reason} onChange={(e) => setReason(e.target.value)} />
      <TextField label={`Type ${tenant.slug} to confirm`} mono required autoComplete="off" value={typed} onChange={(e) => setTyped(e.target.value)} />
      <DialogActions>
        <Button kind="danger" type="submit" busy={suspend.isPending} disabledReason={typed !== tenant.slug ? `Type ${tenant.slug} first.` : reason.trim() === "" ? "Give a reason first." : undefined}>
          Suspend
        </Button>
      </DialogActions>
    </form>
  );
}
