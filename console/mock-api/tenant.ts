/** TenantService over the mock's world. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import { AuditEntrySchema, KeySchema, Role, TenantService } from "../src/gen/millwright/tenant/v1/tenant_pb";
import { sessionOf } from "./identity";
import { accounts, addTenant, newId, tenants, type MockTenant, type Session } from "./world";

export function session(context: HandlerContext): Session {
  const found = sessionOf(context.requestHeader.get("cookie"));
  if (!found) throw new ConnectError("sign in first", Code.Unauthenticated);
  return found;
}

/** The caller's tenant, checked for the role that the call needs (a lower number is a higher role). */
export function tenantOf(context: HandlerContext, needs: Role = Role.VIEWER): MockTenant {
  const { email, tenantId } = session(context);
  const tenant = tenants.get(tenantId ?? "");
  const role = tenant?.members.get(email);
  if (!tenant || role === undefined) throw new ConnectError("choose an organisation first", Code.FailedPrecondition);
  if (role > needs) throw new ConnectError(`this needs the role ${Role[needs].toLowerCase()} or higher`, Code.PermissionDenied);
  return tenant;
}

export function audit(tenant: MockTenant, actor: string, action: string, object: string) {
  tenant.audit.unshift(create(AuditEntrySchema, {
    entryId: newId(), occurredAt: timestampNow(), actor, action, object, outcome: "ok", afterJson: "{}", remoteAddress: "127.0.0.1", requestId: newId("req_"),
  }));
}

export const tokens = new Map<string, MockTenant>();
const service = "millwright.tenant.v1.TenantService";

export function tenantService(origin: () => string): ServiceImpl<typeof TenantService> {
  return {
    create(request, context) {
      const who = session(context);
      const slug = request.slug || request.name.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").slice(0, 40);
      if ([...tenants.values()].some((t) => t.tenant.slug === slug)) throw new ConnectError(`the short name "${slug}" is taken, choose another`, Code.AlreadyExists);
      const made = addTenant(request.name, slug, origin(), who.email);
      made.tenant.createdAt = timestampNow();
      who.tenantId = made.tenant.tenantId;
      audit(made, who.email, `${service}/Create`, `tenant/${made.tenant.tenantId}`);
      return { tenant: made.tenant };
    },
    list(_, context) {
      const who = session(context);
      const own = [...tenants.values()].filter((t) => t.members.has(who.email));
      return { email: who.email, memberships: own.map((t) => ({ tenant: t.tenant, role: t.members.get(who.email)!, current: t.tenant.tenantId === who.tenantId })) };
    },
    switch(request, context) {
      const who = session(context);
      const tenant = tenants.get(request.tenantId);
      if (!tenant?.members.has(who.email)) throw new ConnectError("no such organisation", Code.NotFound);
      who.tenantId = request.tenantId;
      return { membership: { tenant: tenant.tenant, role: tenant.members.get(who.email)!, current: true } };
    },
    get(_, context) {
      const tenant = tenantOf(context);
      return { tenant: tenant.tenant, role: tenant.members.get(session(context).email)! };
    },
    listMembers(_, context) {
      const tenant = tenantOf(context, Role.ADMIN);
      return { members: [...tenant.members].map(([email, role]) => ({ memberId: email, email, role, createdAt: tenant.tenant.createdAt })) };
    },
    addMember(request, context) {
      const tenant = tenantOf(context, Role.ADMIN);
      if (!accounts.has(request.email)) throw new ConnectError(`nobody has an account with ${request.email}; ask them to sign up first`, Code.NotFound);
      if (tenant.members.has(request.email)) throw new ConnectError(`${request.email} is a member already`, Code.AlreadyExists);
      tenant.members.set(request.email, request.role);
      audit(tenant, session(context).email, `${service}/AddMember`, `member/${request.email}`);
      return { member: { memberId: request.email, email: request.email, role: request.role, createdAt: timestampNow() } };
    },
    removeMember(request, context) {
      const tenant = tenantOf(context, Role.ADMIN);
      const owners = [...tenant.members].filter(([, role]) => role === Role.OWNER);
      if (owners.length === 1 && owners[0]![0] === request.memberId) throw new ConnectError("the last owner cannot be removed", Code.FailedPrecondition);
      tenant.members.delete(request.memberId);
      audit(tenant, session(context).email, `${service}/RemoveMember`, `member/${request.memberId}`);
      return {};
    },
    createKey(request, context) {
      const tenant = tenantOf(context, Role.ADMIN);
      const keyId = newId("k");
      const secret = `mw_${keyId}_${newId()}${newId()}`;
      const key = create(KeySchema, { keyId, name: request.name, prefix: secret.slice(0, 12), role: request.role, createdAt: timestampNow(), expiresAt: request.expiresAt });
      tenant.keys.push(key);
      audit(tenant, session(context).email, `${service}/CreateKey`, `key/${keyId}`);
      return { key, secret };
    },
    listKeys: (_, context) => ({ keys: tenantOf(context, Role.ADMIN).keys }),
    revokeKey(request, context) {
      const tenant = tenantOf(context, Role.ADMIN);
      tenant.keys = tenant.keys.filter((k) => k.keyId !== request.keyId);
      audit(tenant, session(context).email, `${service}/RevokeKey`, `key/${request.keyId}`);
      return {};
    },
    issueCellToken(_, context) {
      const token = newId("cell");
      tokens.set(token, tenantOf(context));
      return { token, expiresAt: timestampFromMs(Date.now() + 300_000), cellUrl: origin() };
    },
    listAuditEntries(request, context) {
      const entries = tenantOf(context, Role.ADMIN).audit;
      const from = Number(request.pageToken || 0);
      const size = request.pageSize || 100;
      return { entries: entries.slice(from, from + size), nextPageToken: from + size < entries.length ? String(from + size) : "" };
    },
  };
}
