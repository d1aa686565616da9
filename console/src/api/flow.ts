/** The parts of an identity flow that the console reads, and its messages sorted by field. */
export interface FlowMessage {
  id: number;
  text: string;
  type: string;
}

export interface Flow {
  id?: string;
  ui?: {
    messages?: FlowMessage[];
    nodes: Array<{ attributes: { name?: string; value?: unknown }; messages?: FlowMessage[] }>;
  };
  error?: { id?: string; message?: string; reason?: string };
}

export interface FlowProblems {
  general: string[];
  email: string[];
  password: string[];
}

const emailNodes = new Set(["traits.email", "identifier"]);

/** What the flow complains of; never empty, so that a refusal is never silent. */
export function flowProblems(flow: Flow): FlowProblems {
  const problems: FlowProblems = { general: [], email: [], password: [] };
  for (const message of flow.ui?.messages ?? []) if (message.type !== "info") problems.general.push(message.text);
  for (const node of flow.ui?.nodes ?? []) {
    const texts = (node.messages ?? []).filter((m) => m.type !== "info").map((m) => m.text);
    if (texts.length === 0) continue;
    if (emailNodes.has(node.attributes.name ?? "")) problems.email.push(...texts);
    else if (node.attributes.name === "password") problems.password.push(...texts);
    else problems.general.push(...texts);
  }
  if (flow.error) problems.general.push(flow.error.reason || flow.error.message || "The identity server refused this.");
  if (problems.general.length + problems.email.length + problems.password.length === 0) {
    problems.general.push("The identity server refused this without a reason. Please try again.");
  }
  return problems;
}
