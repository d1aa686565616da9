/** Who is working here, for which organisation, and what they may do. Filled by AppLayout, read by every page below it. */
import { createContext, useContext } from "react";
import { Role, type Membership, type Tenant } from "../api/tenant";

export interface Session {
  email: string;
  tenant: Tenant;
  role: Role;
  memberships: Membership[];
}

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("useSession needs AppLayout around it");
  return session;
}

/** What roles differ in; the lowest role that may do it. The server decides; this only says so beforehand. */
const needs = {
  writeDevices: Role.ADMIN,
  operateDevices: Role.OPERATOR,
  readDeadLetters: Role.OPERATOR,
  manageMembers: Role.ADMIN,
  manageKeys: Role.ADMIN,
  readAudit: Role.ADMIN,
  readStore: Role.ADMIN,
} as const;

export type Permission = keyof typeof needs;

export function mayDo(role: Role, permission: Permission): boolean {
  return role !== Role.UNSPECIFIED && role <= needs[permission];
}

/** Why not, as the reason beside a button that cannot be pressed; undefined when allowed. */
export function useRefusal(permission: Permission): string | undefined {
  const { role } = useSession();
  if (mayDo(role, permission)) return undefined;
  return `Needs the role ${roleName(needs[permission])} or higher; you are ${roleName(role)}.`;
}

export function roleName(role: Role): string {
  return { [Role.UNSPECIFIED]: "unknown", [Role.OWNER]: "owner", [Role.ADMIN]: "admin", [Role.OPERATOR]: "operator", [Role.VIEWER]: "viewer" }[role] ?? "unknown";
}
