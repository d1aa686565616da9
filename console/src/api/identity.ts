/** Signing up, in and out at the identity server: its browser flows, spoken with fetch. It sets the session's cookie itself. */
import { nextFlow, noProblems, type Flow } from "./flow";
import { accept, base, leaving, readJson, setLeaving, submit, type SubmitResult } from "./identityFlow";

export type { SubmitResult } from "./identityFlow";

/** none: nobody is signed in; second: the second factor is still missing. */
export type Presence = "none" | "second" | "full";

export async function presence(): Promise<Presence> {
  const answer = await fetch(`${base}/sessions/whoami`, { headers: accept, credentials: "include" });
  if (answer.ok) return "full";
  const body = (await readJson(answer)) as Flow;
  return body.error?.id === "session_aal2_required" ? "second" : "none";
}

export const signedIn = async () => (await presence()) === "full";

/** Signs in, or says per field why not. `second` in the result asks for the second factor. */
export async function signIn(email: string, password: string): Promise<SubmitResult & { second?: boolean }> {
  await leaving();
  const result = await submit("login", { method: "password", identifier: email, password });
  return result.ok ? { ...result, second: (await presence()) === "second" } : result;
}

/** Completes a sign-in with the code of an authenticator app. */
export const signInSecond = (code: string) => submit("login", { method: "totp", totp_code: code }, { query: "?aal=aal2" });

/** Makes an account and leaves the person signed in, or says per field why not. `verification` is the flow whose code was sent. */
export async function signUp(email: string, password: string): Promise<SubmitResult & { verification?: string | undefined }> {
  await leaving();
  const result = await submit("registration", { method: "password", traits: { email }, password });
  if (!result.ok) return result;
  if (await signedIn()) return { ...result, verification: nextFlow(result.flow, "verification") };
  return signIn(email, password);
}

/** Ends the session. Succeeds when there was none. The next sign-in waits for it, or it would find the old session. */
export function signOut(): Promise<void> {
  const left = leave().catch(() => undefined);
  setLeaving(left);
  return left;
}

async function leave(): Promise<void> {
  const answer = await fetch(`${base}/self-service/logout/browser`, { headers: accept, credentials: "include" });
  if (!answer.ok) return;
  const { logout_token: token } = (await answer.json()) as { logout_token: string };
  await fetch(`${base}/self-service/logout?token=${encodeURIComponent(token)}`, { headers: accept, credentials: "include" });
}

/** Asks for an e-mail with a code; the result's flow takes the code. */
export const sendVerification = (email: string) => submit("verification", { method: "code", email });
export const sendRecovery = (email: string) => submit("recovery", { method: "code", email });

/** Gives the code of an e-mail back. A wrong one is a problem of the field code. */
export async function verify(flowId: string, code: string): Promise<SubmitResult> {
  const result = await submit("verification", { method: "code", code }, { flowId });
  if (!result.ok || result.flow.state === "passed_challenge") return result;
  const texts = (result.flow.ui?.messages ?? []).filter((m) => m.type === "error").map((m) => m.text);
  return { ok: false, problems: { ...noProblems(), code: texts.length > 0 ? texts : ["This code is not right."] } };
}

/** Gives the code of a recovery e-mail back; the result names the settings flow that takes the new password. */
export async function recover(flowId: string, code: string): Promise<SubmitResult & { settings?: string | undefined }> {
  const result = await submit("recovery", { method: "code", code }, { flowId });
  if (!result.ok) return result;
  const settings = nextFlow(result.flow, "settings");
  if (settings) return { ...result, settings };
  const texts = (result.flow.ui?.messages ?? []).filter((m) => m.type === "error").map((m) => m.text);
  return { ok: false, problems: { ...noProblems(), code: texts.length > 0 ? texts : ["This code is not right."] } };
}
