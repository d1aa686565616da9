/** Signing up, in and out at the identity server: its browser flows, spoken with fetch. It sets the session's cookie itself. */
import { flowProblems, type Flow, type FlowProblems } from "./flow";

export type FlowKind = "login" | "registration";

export type SubmitResult = { ok: true } | { ok: false; problems: FlowProblems };

const base = "/identity";
const accept = { Accept: "application/json" };

/** Whether somebody is signed in. */
export async function signedIn(): Promise<boolean> {
  const answer = await fetch(`${base}/sessions/whoami`, { headers: accept, credentials: "include" });
  return answer.ok;
}

/** Signs in, or says per field why not. */
export function signIn(email: string, password: string): Promise<SubmitResult> {
  return submit("login", { method: "password", identifier: email, password });
}

/** Makes an account and leaves the person signed in, or says per field why not. */
export async function signUp(email: string, password: string): Promise<SubmitResult> {
  const result = await submit("registration", { method: "password", traits: { email }, password });
  if (!result.ok || (await signedIn())) return result;
  return signIn(email, password);
}

/** A sign-out under way; the next sign-in waits for it, or it would find the old session. */
let leaving: Promise<void> = Promise.resolve();

/** Ends the session. Succeeds when there was none. */
export function signOut(): Promise<void> {
  leaving = leave().catch(() => undefined);
  return leaving;
}

async function leave(): Promise<void> {
  const answer = await fetch(`${base}/self-service/logout/browser`, { headers: accept, credentials: "include" });
  if (!answer.ok) return;
  const { logout_token: token } = (await answer.json()) as { logout_token: string };
  await fetch(`${base}/self-service/logout?token=${encodeURIComponent(token)}`, { headers: accept, credentials: "include" });
}

/** One try starts a flow and submits it; an expired flow or a stale CSRF token gets one fresh flow. */
async function submit(kind: FlowKind, fields: Record<string, unknown>, again = true): Promise<SubmitResult> {
  await leaving;
  const started = await fetch(`${base}/self-service/${kind}/browser`, { headers: accept, credentials: "include" });
  const flow = (await readJson(started)) as Flow;
  if (!started.ok) {
    if (flow.error?.id === "session_already_available") return { ok: true };
    return { ok: false, problems: flowProblems(flow) };
  }
  const answer = await fetch(`${base}/self-service/${kind}?flow=${encodeURIComponent(flow.id ?? "")}`, {
    method: "POST",
    credentials: "include",
    headers: { ...accept, "Content-Type": "application/json" },
    body: JSON.stringify({ ...fields, csrf_token: csrfToken(flow) }),
  });
  if (answer.ok) return { ok: true };
  const refused = (await readJson(answer)) as Flow;
  if (again && (answer.status === 410 || refused.error?.id === "security_csrf_violation")) return submit(kind, fields, false);
  if (refused.error?.id === "session_already_available") return { ok: true };
  return { ok: false, problems: flowProblems(refused) };
}

function csrfToken(flow: Flow): string | undefined {
  const node = flow.ui?.nodes.find((n) => n.attributes.name === "csrf_token");
  return typeof node?.attributes.value === "string" ? node.attributes.value : undefined;
}

async function readJson(answer: Response): Promise<unknown> {
  try {
    return await answer.json();
  } catch {
    return { error: { message: `the identity server answered ${answer.status}` } };
  }
}
