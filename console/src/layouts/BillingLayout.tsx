/** The frame of everything about money: one heading, a tab for each part; for who may see money only. */
import { NavLink, Outlet } from "react-router";
import { useSession } from "../hooks/useSession";
import { Gate } from "../pages/settings/Gate";
import { paths } from "../paths";
import { Icon, type IconName } from "../ui/Icon";
import { Page } from "../ui/Page";
import styles from "./SettingsLayout.module.css";

const tabs: ReadonlyArray<{ to: string; icon: IconName; label: string; end?: boolean }> = [
  { to: paths.bill(), icon: "bill", label: "This month", end: true },
  { to: paths.invoices(), icon: "list", label: "Invoices" },
  { to: paths.plan(), icon: "store", label: "Plan" },
  { to: paths.budget(), icon: "check", label: "Budget" },
];

export function BillingLayout() {
  const { tenant } = useSession();
  return (
    <Page title="Billing" note={`${tenant.name}. Months and days are UTC.`}>
      <Gate action="invoices.read">
        <nav className={styles.tabs} aria-label="Billing">
          {tabs.map((tab) => (
            <NavLink key={tab.to} to={tab.to} end={tab.end ?? false} className={styles.tab}>
              <Icon name={tab.icon} size={18} />
              {tab.label}
            </NavLink>
          ))}
        </nav>
        <Outlet />
      </Gate>
    </Page>
  );
}
