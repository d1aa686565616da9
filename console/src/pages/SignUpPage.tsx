/** Sign up. */
import { Link, useNavigate, useSearchParams } from "react-router";
import { queryClient } from "../api/client";
import { signUp } from "../api/identity";
import { CredentialsForm } from "../forms/CredentialsForm";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { paths, safeNext } from "../paths";

export default function SignUpPage() {
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const next = search.get("next");
  useTitle("Create an account");
  return (
    <>
      <div className={form.intro}>
        <h1>Create an account</h1>
        <p>Your first device can be live in five minutes.</p>
      </div>
      <CredentialsForm
        action="Create account"
        newPassword
        submit={signUp}
        onDone={({ verification }) => {
          queryClient.clear();
          // Who was invited has shown by the link that they read the address's e-mails.
          const invited = next === paths.invitation();
          navigate(invited ? paths.invitation() : paths.verification(verification, safeNext(next)), { replace: true });
        }}
      />
      <p className={form.switch}>
        Have an account? <Link to={paths.signIn(next ?? undefined)}>Sign in</Link>
      </p>
    </>
  );
}
