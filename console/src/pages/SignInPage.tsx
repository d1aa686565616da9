/** Sign in. */
import { Link, useNavigate, useSearchParams } from "react-router";
import { queryClient } from "../api/client";
import { signIn } from "../api/identity";
import { CredentialsForm } from "../forms/CredentialsForm";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { paths, safeNext } from "../paths";
import { Notice } from "../ui/States";

export default function SignInPage() {
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const next = search.get("next");
  useTitle("Sign in");
  return (
    <>
      <div className={form.intro}>
        <h1>Sign in</h1>
        {next ? <Notice>Please sign in to go on where you were.</Notice> : <p>Good to see you again.</p>}
      </div>
      <CredentialsForm
        action="Sign in"
        newPassword={false}
        submit={signIn}
        onDone={() => {
          queryClient.clear();
          navigate(safeNext(next), { replace: true });
        }}
      />
      <p className={form.switch}>
        New here? <Link to={paths.signUp(next ?? undefined)}>Create an account</Link>
      </p>
    </>
  );
}
