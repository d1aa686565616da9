/** The parts of an identity flow that the console reads, and its messages sorted by field. */
export interface FlowMessage {
  id: number;
  text: string;
  type: string;
}

export interface FlowNode {
  attributes: { name?: string; value?: unknown; id?: string; src?: string; text?: { text: string } };
  messages?: FlowMessage[];
}

export interface Flow {
  id?: string;
  /** Of verification and recovery: choose_method, sent_email, passed_challenge. */
  state?: string;
  ui?: { messages?: FlowMessage[]; nodes: FlowNode[] };
  error?: { id?: string; message?: string; reason?: string };
  /** What the person should be shown next. */
  continue_with?: Array<{ action: string; flow?: { id: string } }>;
  /** Where a browser would go on, with the next flow's id. */
  redirect_browser_to?: string;
}

export interface FlowProblems {
  general: string[];
  email: string[];
  password: string[];
  code: string[];
}

export const noProblems = (): FlowProblems => ({ general: [], email: [], password: [], code: [] });

/** The flow that the person should go on with, of that kind. */
export function nextFlow(flow: Flow, kind: "verification" | "settings"): string | undefined {
  const told = flow.continue_with?.find((c) => c.action === `show_${kind}_ui`)?.flow?.id;
  if (told || !flow.redirect_browser_to) return told;
  return new URL(flow.redirect_browser_to, "http://localhost").searchParams.get("flow") ?? undefined;
}

const fieldOf: Record<string, "email" | "password" | "code"> = {
  "traits.email": "email",
  identifier: "email",
  email: "email",
  password: "password",
  code: "code",
  totp_code: "code",
};

/** What the flow complains of; never empty, so that a refusal is never silent. */
export function flowProblems(flow: Flow): FlowProblems {
  const problems = noProblems();
  for (const message of flow.ui?.messages ?? []) if (message.type !== "info") problems.general.push(message.text);
  for (const node of flow.ui?.nodes ?? []) {
    const texts = (node.messages ?? []).filter((m) => m.type !== "info").map((m) => m.text);
    problems[fieldOf[node.attributes.name ?? ""] ?? "general"].push(...texts);
  }
  if (flow.error) problems.general.push(flow.error.reason || flow.error.message || "The identity server refused this.");
  if (Object.values(problems).every((list) => list.length === 0)) {
    problems.general.push("The identity server refused this without a reason. Please try again.");
  }
  return problems;
}
