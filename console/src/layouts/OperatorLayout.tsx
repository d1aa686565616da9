/** The frame of what operators of the installation do; it needs no organisation. */
import { Suspense, useEffect } from "react";
import { NavLink, Outlet, useLocation, useNavigate } from "react-router";
import { explain } from "../api/errors";
import { onSignedOut } from "../api/signedOut";
import { useMemberships } from "../api/tenant";
import { useTitle } from "../hooks/useTitle";
import { useZoneOf } from "../hooks/useZone";
import { paths } from "../paths";
import { BackLink } from "../ui/BackLink";
import { Icon, type IconName } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import { Announcements } from "./Announcements";
import { forgetEverything } from "./enterTenant";
import styles from "./SettingsLayout.module.css";

const tabs: ReadonlyArray<{ to: string; icon: IconName; label: string }> = [
  { to: paths.operatorCells(), icon: "store", label: "Cells" },
  { to: paths.operatorPipeline(), icon: "usage", label: "Pipeline" },
  { to: paths.operatorTenants(), icon: "building", label: "Organisations" },
  { to: paths.operatorRevenue(), icon: "bill", label: "Revenue" },
  { to: paths.operatorMargins(), icon: "usage", label: "Margin" },
  { to: paths.operatorPrices(), icon: "list", label: "Price book" },
  { to: paths.operatorContracts(), icon: "certificate", label: "Contracts" },
  { to: paths.operatorPayments(), icon: "out", label: "Payments" },
  { to: paths.operatorFlags(), icon: "check", label: "Feature flags" },
  { to: paths.operatorAnnouncements(), icon: "info", label: "Announcements" },
  { to: paths.operatorAudit(), icon: "list", label: "Audit log" },
];

export function OperatorLayout() {
  const { data, error, refetch } = useMemberships();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const zone = useZoneOf("");
  useTitle("Operations");
  useEffect(
    () =>
      onSignedOut(() => {
        forgetEverything();
        navigate(paths.signIn(pathname), { replace: true });
      }),
    [navigate, pathname],
  );
  return (
    <main id="main" tabIndex={-1}>
      <Announcements />
      <Page
        title="Operations"
        note="The whole installation"
        above={
          <BackLink to={paths.home()}>Console</BackLink>
        }
      >
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={4} />}
        {data && !data.operator && (
          <Empty icon="key" title="For operators of the installation">
            {`${data.email} is not among them. Whoever runs this installation names them when it starts (--operators).`}
          </Empty>
        )}
        {data?.operator && (
          <>
            <nav className={styles.tabs} aria-label="Operations">
              {tabs.map((tab) => (
                <NavLink key={tab.to} to={tab.to} end className={styles.tab}>
                  <Icon name={tab.icon} size={18} />
                  {tab.label}
                </NavLink>
              ))}
            </nav>
            <Suspense fallback={<SkeletonRows rows={4} />}>
              <Outlet key={zone} />
            </Suspense>
          </>
        )}
      </Page>
    </main>
  );
}
