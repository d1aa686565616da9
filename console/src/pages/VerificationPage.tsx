/** Verify an e-mail address: the page that the e-mail's link leads to, and where its code is typed. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { sendVerification, verify } from "../api/identity";
import { readFlow } from "../api/identityFlow";
import { refreshTenants, useMemberships } from "../api/tenant";
import { CodeForm } from "../forms/CodeForm";
import form from "../forms/form.module.css";
import { useTitle } from "../hooks/useTitle";
import { useSignOut } from "../layouts/useSignOut";
import { paths, safeNext } from "../paths";
import { Button } from "../ui/Button";
import { Notice, SkeletonRows } from "../ui/States";

/** The flow that an e-mail belongs to; it changes when its code or link was used. */
function useFlow(id: string | null) {
  return useQuery({ queryKey: ["verification", id], queryFn: () => readFlow("verification", id ?? ""), enabled: id !== null });
}

export default function VerificationPage() {
  const [search, setSearch] = useSearchParams();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const { data } = useMemberships();
  const flowId = search.get("flow");
  const next = safeNext(search.get("next"));
  const { data: flow, isLoading, refetch } = useFlow(flowId);
  const [failed, setFailed] = useState<string>();
  useTitle("Verify your e-mail address");

  const done = data?.verified || flow?.state === "passed_challenge";
  const asking = flowId !== null && flow?.state === "sent_email";
  const stale = flow && !flow.ui ? "This link is too old. Send yourself a new one." : undefined;
  const trouble = failed ?? stale ?? flow?.ui?.messages?.find((m) => m.type === "error")?.text;

  async function send() {
    if (!data) return;
    const result = await sendVerification(data.email);
    if (!result.ok) return setFailed(Object.values(result.problems).flat()[0]);
    setFailed(undefined);
    setSearch({ flow: result.flow.id ?? "", next });
  }

  async function goOn() {
    await refreshTenants();
    navigate(next, { replace: true });
  }

  if (isLoading) return <SkeletonRows rows={3} />;
  if (done) {
    return (
      <>
        <div className={form.intro}>
          <h1>Your address is verified</h1>
          <p>{data ? `You are signed in as ${data.email}.` : "You can sign in now."}</p>
        </div>
        <Button kind="primary" size="large" wide onClick={goOn}>
          Go on
        </Button>
      </>
    );
  }
  return (
    <>
      <div className={form.intro}>
        <h1>Verify your e-mail address</h1>
        <p>{asking ? `We sent a code${data ? ` to ${data.email}` : ""}. It is good for an hour.` : "We send you an e-mail with a code."}</p>
      </div>
      {trouble && (
        <Notice tone="rust" icon="warning">
          {trouble}
        </Notice>
      )}
      {asking ? (
        <CodeForm label="Code" action="Verify" submit={(code) => verify(flowId, code)} onDone={() => void refetch()} />
      ) : (
        <Button kind="primary" size="large" wide disabledReason={data ? undefined : "Sign in first."} onClick={send}>
          Send me a code
        </Button>
      )}
      <p className={form.switch}>
        {asking && data && (
          <Button kind="quiet" size="small" onClick={send}>
            Send a new code
          </Button>
        )}{" "}
        {data ? (
          <Button kind="quiet" size="small" onClick={signOut}>
            Sign out
          </Button>
        ) : (
          <Link to={paths.signIn()}>Sign in</Link>
        )}
      </p>
    </>
  );
}
