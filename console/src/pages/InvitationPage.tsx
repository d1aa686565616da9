/** Accept an invitation: the page that the e-mail's link leads to. The token is behind the #, which no server sees. */
import { useEffect, useState } from "react";
import { Link, useNavigate } from "react-router";
import { explain } from "../api/errors";
import { presence, type Presence } from "../api/identity";
import { useAcceptInvitation } from "../api/member";
import { useMemberships } from "../api/tenant";
import form from "../forms/form.module.css";
import { roleName } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { queryClient } from "../api/client";
import { useSignOut } from "../layouts/useSignOut";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { ErrorPanel, SkeletonRows } from "../ui/States";

const key = "millwright.invitation";

/** The token of the link, kept in this tab while the person signs in or up. */
function useToken(): string {
  const [token] = useState(() => globalThis.location.hash.slice(1) || (sessionStorage.getItem(key) ?? ""));
  useEffect(() => {
    if (token) sessionStorage.setItem(key, token);
    if (globalThis.location.hash) history.replaceState(history.state, "", paths.invitation());
  }, [token]);
  return token;
}

export default function InvitationPage() {
  const token = useToken();
  const [who, setWho] = useState<Presence>();
  useTitle("Accept an invitation");
  useEffect(() => void presence().then(setWho), []);

  if (!token) {
    return (
      <div className={form.intro}>
        <h1>This is no invitation</h1>
        <p>Open the link of the e-mail again, all of it.</p>
      </div>
    );
  }
  if (!who) return <SkeletonRows rows={2} />;
  if (who === "full") return <Accept token={token} />;
  return (
    <>
      <div className={form.intro}>
        <h1>You are invited</h1>
        <p>Sign in, or create an account with the e-mail address that the invitation came to.</p>
      </div>
      <div className={form.actions}>
        <Link to={paths.signUp(paths.invitation())}>Create an account</Link>
        <Link to={paths.signIn(paths.invitation())}>Sign in</Link>
      </div>
    </>
  );
}

function Accept({ token }: { token: string }) {
  const navigate = useNavigate();
  const { data } = useMemberships();
  const accept = useAcceptInvitation();
  const signOut = useSignOut();
  const membership = accept.data?.membership;

  async function take() {
    try {
      await accept.mutateAsync({ token });
      sessionStorage.removeItem(key);
      await queryClient.resetQueries();
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  if (membership) {
    return (
      <>
        <div className={form.intro}>
          <h1>Welcome to {membership.tenant?.name}</h1>
          <p>
            You are {roleName(membership)}
            {membership.facilities.length > 0 && ` at ${membership.facilities.join(", ")}`}.
          </p>
        </div>
        <Button kind="primary" size="large" wide onClick={() => navigate(paths.fleet(), { replace: true })}>
          Go to work
        </Button>
      </>
    );
  }
  return (
    <>
      <div className={form.intro}>
        <h1>Accept the invitation</h1>
        {data && <p>You are signed in as {data.email}.</p>}
      </div>
      {accept.isError && <ErrorPanel {...explain(accept.error)} />}
      <Button kind="primary" size="large" wide busy={accept.isPending} onClick={take}>
        Accept
      </Button>
      <p className={form.switch}>
        <Button kind="quiet" size="small" onClick={signOut}>
          Use another account
        </Button>
      </p>
    </>
  );
}
