/** Operations: what holds for one organisation instead of the price book, and what it paid in advance. */
import { useState } from "react";
import { useContracts, useCredits } from "../../api/billing";
import { explain } from "../../api/errors";
import { useTenants, type PlatformTenant } from "../../api/platform";
import { GrantCreditForm } from "../../forms/GrantCreditForm";
import { Button } from "../../ui/Button";
import { Dialog } from "../../ui/Dialog";
import { SelectField, TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import { ContractPanel } from "../bill/ContractPanel";
import { CreditTable } from "../bill/CreditTable";
import form from "../../forms/form.module.css";

export default function ContractsPage() {
  const [query, setQuery] = useState("");
  const [id, setId] = useState("");
  const { data, error, refetch } = useTenants(query, "");
  const tenant = data?.tenants.find((t) => t.tenantId === id) ?? data?.tenants[0];
  return (
    <>
      <Panel title="Organisation" note="Whose contracts and credits to see.">
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        <div className={form.row}>
          <TextField label="Search" type="search" hint="The beginning of a name, short name or id." value={query} maxLength={80} onChange={(e) => setQuery(e.target.value)} />
          <SelectField label="Organisation" value={tenant?.tenantId ?? ""} onChange={(e) => setId(e.target.value)}>
            {data?.tenants.map((t) => (
              <option key={t.tenantId} value={t.tenantId}>
                {t.name} ({t.plan})
              </option>
            ))}
          </SelectField>
        </div>
      </Panel>
      {tenant && (
        <div key={tenant.tenantId} className={form.sections}>
          <Contracts tenant={tenant} />
          <Credits tenant={tenant} />
        </div>
      )}
    </>
  );
}

function Contracts({ tenant }: { tenant: PlatformTenant }) {
  const { data, error, refetch } = useContracts(tenant.tenantId);
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data) return <SkeletonRows rows={3} />;
  if (data.contracts.length > 0) return data.contracts.map((contract) => <ContractPanel key={contract.contractId} contract={contract} />);
  return (
    <Panel title="Contracts">
      <Empty icon="certificate" title={`${tenant.name} pays by the price book`} compact>
        A contract is made in a terminal, where its prices can be reviewed as a file: <code>millwright contract create --help</code>
      </Empty>
    </Panel>
  );
}

function Credits({ tenant }: { tenant: PlatformTenant }) {
  const { data, error, refetch } = useCredits(tenant.tenantId);
  const [granting, setGranting] = useState(false);
  return (
    <Panel
      title="Prepaid credits"
      note="The first to expire is used first."
      actions={
        <Button size="small" onClick={() => setGranting(true)}>
          Grant credit
        </Button>
      }
      flush
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={2} />}
      {data?.credits.length === 0 && (
        <Empty icon="bill" title="Nothing was paid in advance" compact>
          A credit pays bills until it is used up or expires.
        </Empty>
      )}
      {data && data.credits.length > 0 && <CreditTable credits={data.credits} />}
      <Dialog title={`Grant credit to ${tenant.name}`} open={granting} onClose={() => setGranting(false)}>
        <GrantCreditForm tenantId={tenant.tenantId} onDone={() => setGranting(false)} />
      </Dialog>
    </Panel>
  );
}
