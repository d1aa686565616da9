/** A person's own account: the password and the second factor. */
import { Link } from "react-router";
import { useMemberships } from "../api/tenant";
import form from "../forms/form.module.css";
import { PasswordForm } from "../forms/PasswordForm";
import { SecondFactor } from "../forms/SecondFactor";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Notice } from "../ui/States";

export default function AccountPage() {
  const { data } = useMemberships();
  const asking = data?.memberships.find((m) => m.secondFactorMissing);
  useTitle("Your account");
  return (
    <>
      <div className={form.intro}>
        <h1>Your account</h1>
        {data && <p>{data.email}</p>}
      </div>
      {asking && (
        <Notice tone="brass" icon="warning">
          {asking.tenant?.name} asks its people for a second factor. Set one up below; until then only this page is in reach. Your API keys go on working.
        </Notice>
      )}
      <div className={form.sections}>
        <PasswordForm />
        <SecondFactor />
      </div>
      <p className={form.switch}>
        <Link to={paths.home()}>Back to work</Link>
        {asking && data && data.memberships.length > 1 && (
          <>
            {" or "}
            <Link to={paths.chooseOrganisation()}>choose another organisation</Link>
          </>
        )}
      </p>
    </>
  );
}
