/** The frame of everything done for an organisation: navigation, session, and what to do when either is missing. */
import { Suspense, useEffect, useMemo } from "react";
import { Navigate, Outlet, useLocation, useNavigate } from "react-router";
import { Code } from "@connectrpc/connect";
import { explain } from "../api/errors";
import { onSignedOut } from "../api/signedOut";
import { useMemberships, type Membership } from "../api/tenant";
import { SessionContext, type Session } from "../hooks/useSession";
import { useZoneOf } from "../hooks/useZone";
import { paths } from "../paths";
import { Cog, LogoMark } from "../ui/Logo";
import { ErrorPanel } from "../ui/States";
import styles from "./AppLayout.module.css";
import { AccountMenu } from "./AccountMenu";
import { Announcements } from "./Announcements";
import { LimitBanner } from "./LimitBanner";
import { Dock, Rail } from "./Nav";
import { TenantBanner } from "./TenantBanner";
import { forgetEverything } from "./enterTenant";

export function AppLayout() {
  const navigate = useNavigate();
  const { pathname, search } = useLocation();
  const { data, error, refetch } = useMemberships();
  const current = data && currentOf(data.memberships);
  const session = useMemo<Session | undefined>(() => {
    if (!data || !current?.tenant) return undefined;
    return {
      email: data.email,
      tenant: current.tenant,
      role: current.role,
      customRole: current.customRole,
      secondFactor: data.secondFactor,
      actions: new Set(current.actions),
      facilities: current.facilities,
      memberships: data.memberships,
      operator: data.operator,
    };
  }, [data, current]);

  const zone = useZoneOf(session && (session.tenant.settings?.timeZone ?? ""));

  useEffect(
    () =>
      onSignedOut(() => {
        forgetEverything();
        navigate(paths.signIn(pathname + search), { replace: true });
      }),
    [navigate, pathname, search],
  );

  if (data && data.memberships.length === 0) return <Navigate to={paths.newOrganisation()} replace />;
  if (current?.secondFactorMissing) return <Navigate to={paths.account()} replace />;
  if (data && !session) return <Navigate to={paths.chooseOrganisation()} replace />;
  if (!session) return <Waiting error={error} onRetry={refetch} />;
  return (
    <SessionContext value={session}>
      <a className={styles.skip} href="#main">
        Skip to content
      </a>
      <div className={styles.app}>
        <Rail />
        <div className={styles.top}>
          <LogoMark size={28} />
          <AccountMenu />
        </div>
        <main id="main" className={styles.main} tabIndex={-1} key={`${session.tenant.tenantId} ${zone}`}>
          <Announcements />
          <TenantBanner tenant={session.tenant} />
          <LimitBanner />
          <Suspense fallback={<Loading />}>
            <Outlet />
          </Suspense>
        </main>
        <Dock />
      </div>
    </SessionContext>
  );
}

/** The tenant that the session acts for; the only one counts as chosen. */
function currentOf(memberships: Membership[]): Membership | undefined {
  return memberships.find((m) => m.current) ?? (memberships.length === 1 ? memberships[0] : undefined);
}

function Waiting({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const failed = error ? explain(error) : undefined;
  return (
    <main className={styles.centre}>
      {failed && failed.code !== Code.Unauthenticated ? <ErrorPanel {...failed} onRetry={onRetry} /> : <Loading />}
    </main>
  );
}

function Loading() {
  return (
    <div className={styles.loading} role="status">
      <Cog size={36} />
      Loading
    </div>
  );
}
