/** Create an organisation: the first thing after signing up, and later from the switcher. */
import { Navigate, useNavigate } from "react-router";
import { useMemberships, useSwitchTenant, type Tenant } from "../api/tenant";
import { OrganisationForm } from "../forms/OrganisationForm";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { useSignOut } from "../layouts/useSignOut";
import { enterTenant } from "../layouts/enterTenant";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { RemovedOrganisations } from "./RemovedOrganisations";

export default function NewOrganisationPage() {
  const navigate = useNavigate();
  const { data } = useMemberships();
  const switchTenant = useSwitchTenant();
  const signOut = useSignOut();
  const first = data?.memberships.length === 0;
  useTitle("Create an organisation");

  async function done(tenant: Tenant) {
    await enterTenant(tenant.tenantId, switchTenant.mutateAsync);
    navigate(first ? paths.addDevice() : paths.fleet(), { replace: true });
  }

  if (data && !data.verified) return <Navigate to={paths.verification(undefined, paths.newOrganisation())} replace />;
  return (
    <>
      <div className={form.intro}>
        <h1>{first ? "Set up your organisation" : "New organisation"}</h1>
        <p>It gets a certificate authority and a database of its own. You can invite people later.</p>
      </div>
      <OrganisationForm onDone={done} />
      {first && <RemovedOrganisations />}
      <p className={form.switch}>
        {data && (
          <>
            Signed in as <strong>{data.email}</strong>.{" "}
          </>
        )}
        <Button kind="quiet" size="small" onClick={first ? signOut : () => navigate(paths.fleet())}>
          {first ? "Sign out" : "Back"}
        </Button>
      </p>
    </>
  );
}
