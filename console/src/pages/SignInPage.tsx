/** Sign in. */
import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { queryClient } from "../api/client";
import { signIn, signInSecond, signOut } from "../api/identity";
import { CodeForm } from "../forms/CodeForm";
import { CredentialsForm } from "../forms/CredentialsForm";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { paths, safeNext } from "../paths";
import { Button } from "../ui/Button";
import { Notice } from "../ui/States";

export default function SignInPage() {
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const next = search.get("next");
  const [second, setSecond] = useState(false);
  useTitle("Sign in");

  function goOn() {
    queryClient.clear();
    navigate(safeNext(next), { replace: true });
  }

  if (second) {
    return (
      <>
        <div className={form.intro}>
          <h1>Second factor</h1>
          <p>Open your authenticator app.</p>
        </div>
        <CodeForm label="Code of the app" action="Sign in" submit={signInSecond} onDone={goOn} />
        <p className={form.switch}>
          <Button kind="quiet" size="small" onClick={() => void signOut().then(() => setSecond(false))}>
            Use another account
          </Button>
        </p>
      </>
    );
  }
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
        onDone={(result) => (result.second ? setSecond(true) : goOn())}
      />
      <p className={form.switch}>
        New here? <Link to={paths.signUp(next ?? undefined)}>Create an account</Link>
        <br />
        <Link to={paths.recovery()}>Forgot your password?</Link>
      </p>
    </>
  );
}
