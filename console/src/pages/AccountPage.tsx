/** A person's own account: the password and the second factor. */
import { Link } from "react-router";
import { useMemberships } from "../api/tenant";
import form from "../forms/form.module.css";
import { PasswordForm } from "../forms/PasswordForm";
import { SecondFactor } from "../forms/SecondFactor";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";

export default function AccountPage() {
  const { data } = useMemberships();
  useTitle("Your account");
  return (
    <>
      <div className={form.intro}>
        <h1>Your account</h1>
        {data && <p>{data.email}</p>}
      </div>
      <div className={form.sections}>
        <PasswordForm />
        <SecondFactor />
      </div>
      <p className={form.switch}>
        <Link to={paths.home()}>Back to work</Link>
      </p>
    </>
  );
}
