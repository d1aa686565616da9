/** A policy as the text fields of a form, and back. */
import type { Policy } from "../api/group";

export interface PolicyText {
  topics: string;
  payloadBytes: string;
  eventsPerSecond: string;
  limitCommands: boolean;
  commands: string;
}

const words = (text: string) => text.split(/[\s,]+/).filter((word) => word !== "");

export function policyText(policy: Policy | undefined): PolicyText {
  return {
    topics: policy?.topics.join("\n") ?? "",
    payloadBytes: policy?.payloadBytes ? String(policy.payloadBytes) : "",
    eventsPerSecond: policy?.eventsPerSecond ? String(policy.eventsPerSecond) : "",
    limitCommands: policy?.commands !== undefined,
    commands: policy?.commands?.names.join(", ") ?? "",
  };
}

export function policyOf(text: PolicyText) {
  return {
    topics: words(text.topics),
    payloadBytes: wholeNumber(text.payloadBytes) ?? 0,
    eventsPerSecond: wholeNumber(text.eventsPerSecond) ?? 0,
    ...(text.limitCommands ? { commands: { names: words(text.commands) } } : {}),
  };
}

/** What is wrong with a number field, if anything; empty is fine and means: no limit. */
export function numberError(text: string): string | undefined {
  return text.trim() === "" || wholeNumber(text) !== undefined ? undefined : "Write a whole number, or leave it empty.";
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,9}$/.test(text.trim()) ? Number(text.trim()) : undefined;
}

/** One line about what a policy holds its devices to. */
export function policyWords(policy: Policy | undefined): string {
  const parts: string[] = [];
  if (policy?.topics.length) parts.push(`${policy.topics.length} ${policy.topics.length === 1 ? "topic" : "topics"}`);
  if (policy?.payloadBytes) parts.push(`${policy.payloadBytes} bytes a message`);
  if (policy?.eventsPerSecond) parts.push(`${policy.eventsPerSecond} events/s`);
  if (policy?.commands) parts.push(policy.commands.names.length === 0 ? "no commands" : `${policy.commands.names.length} commands`);
  return parts.length > 0 ? parts.join(", ") : "none";
}
