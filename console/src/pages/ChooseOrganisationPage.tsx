/** Choose an organisation: shown when the session acts for none of several. */
import { Link, useNavigate } from "react-router";
import { explain } from "../api/errors";
import { useMemberships, useSwitchTenant } from "../api/tenant";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { enterTenant } from "../layouts/enterTenant";
import { noteOf } from "../layouts/TenantSwitcher";
import { paths } from "../paths";
import { ErrorPanel, SkeletonRows } from "../ui/States";
import { RemovedOrganisations } from "./RemovedOrganisations";
import styles from "./ChooseOrganisationPage.module.css";

export default function ChooseOrganisationPage() {
  const navigate = useNavigate();
  const { data, error, refetch } = useMemberships();
  const switchTenant = useSwitchTenant();
  useTitle("Choose an organisation");

  async function choose(tenantId: string) {
    await enterTenant(tenantId, switchTenant.mutateAsync);
    navigate(paths.fleet(), { replace: true });
  }

  return (
    <>
      <div className={form.intro}>
        <h1>Choose an organisation</h1>
        <p>{data && data.memberships.length < 2 ? "You can found another one at any time." : "You belong to several. You can switch at any time."}</p>
      </div>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      <ul className={styles.list}>
        {data?.memberships.map((m) => (
          <li key={m.tenant?.tenantId}>
            <button type="button" className={styles.choice} onClick={() => choose(m.tenant?.tenantId ?? "")}>
              <strong>{m.tenant?.name}</strong>
              <span>{noteOf(m)}</span>
            </button>
          </li>
        ))}
      </ul>
      <p className={form.switch}>
        <Link to={paths.newOrganisation()}>New organisation</Link>
      </p>
      <RemovedOrganisations />
    </>
  );
}
