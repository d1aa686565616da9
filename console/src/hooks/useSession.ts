/** Who is working here, for which organisation, and what they may do. Filled by AppLayout, read by every page below it. */
import { createContext, useContext } from "react";
import { Role, Units, type Membership, type Tenant } from "../api/tenant";
import type { System } from "../format/unit";

export interface Session {
  email: string;
  tenant: Tenant;
  role: Role;
  /** The role's name when it is one of the organisation's own. */
  customRole: string;
  /** Members must sign in with a second factor, and this session was begun with one. */
  secondFactor: boolean;
  /** What the server lets this person do, e.g. devices.write. */
  actions: ReadonlySet<string>;
  /** The facilities that the person is confined to; empty: all. */
  facilities: readonly string[];
  memberships: Membership[];
  /** They run the installation, besides what they are here. */
  operator: boolean;
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession needs AppLayout around it");
  return session;
}

/** The units that the organisation's charts are in. */
export function useUnits(): System {
  return useSession().tenant.settings?.units === Units.IMPERIAL ? "imperial" : "metric";
}

/** What the actions mean to a person. The server decides; this only says so beforehand. */
export const actionWords = {
  "tenant.read": "See the organisation and its limits",
  "tenant.write": "Change the organisation's settings",
  "tenant.own": "Transfer or end the organisation",
  "cell.enter": "Reach the cell, where telemetry and its counts are",
  "members.read": "See people and invitations",
  "members.write": "Invite, change and remove people",
  "roles.write": "Make and change roles",
  "keys.read": "See API keys and service accounts",
  "keys.write": "Create, rotate and revoke API keys",
  "audit.read": "Read the audit log",
  "devices.read": "See devices",
  "devices.write": "Add, change and retire devices",
  "device_types.write": "Change device types",
  "facilities.write": "Change facilities, lines and stations",
  "devices.operate": "Suspend and resume devices",
  "groups.read": "See groups",
  "groups.write": "Make and change groups and their policies",
  "jobs.read": "See jobs",
  "jobs.write": "Cancel jobs",
  "provisioning.read": "See templates, claim tokens and your own CAs",
  "provisioning.write": "Let devices enrol by themselves",
  "certificates.write": "Issue and revoke certificates",
  "telemetry.read": "See telemetry and charts",
  "dead_letters.read": "See refused messages",
  "dead_letters.write": "Replay and discard refused messages",
  "store.read": "Query the ClickHouse database",
  "usage.read": "See usage",
  "invoices.read": "See bills",
  "billing.write": "Change the plan, the card and the budget",
} as const;

export type Action = keyof typeof actionWords;

export const wordsOf = (action: string) => actionWords[action as Action] ?? action;

/** Why not, as the reason beside a button that cannot be pressed; undefined when allowed. */
export function useRefusal(action: Action): string | undefined {
  const session = useSession();
  const { actions } = session;
  if (actions.has(action)) return undefined;
  return `The role ${roleName(session)} does not include “${actionWords[action].toLowerCase()}”. An owner or admin can give you another.`;
}

const names: Record<Role, string> = {
  [Role.UNSPECIFIED]: "unknown",
  [Role.OWNER]: "owner",
  [Role.ADMIN]: "admin",
  [Role.OPERATOR]: "operator",
  [Role.VIEWER]: "viewer",
  [Role.MAINTENANCE]: "maintenance",
  [Role.QUALITY]: "quality",
  [Role.FINANCE]: "finance",
  [Role.CUSTOM]: "own role",
};

/** A role's name, ours or the organisation's own. */
export const roleName = ({ role, customRole }: { role: Role; customRole: string }) => customRole || (names[role] ?? "unknown");
