/** The frame of the settings: one heading, a tab for each part. */
import { NavLink, Outlet } from "react-router";
import { useSession } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Icon, type IconName } from "../ui/Icon";
import { Page } from "../ui/Page";
import styles from "./SettingsLayout.module.css";

const tabs: ReadonlyArray<{ to: string; icon: IconName; label: string }> = [
  { to: paths.settings(), icon: "building", label: "Organisation" },
  { to: paths.settingsMembers(), icon: "people", label: "Members" },
  { to: paths.settingsKeys(), icon: "key", label: "API keys" },
  { to: paths.settingsAudit(), icon: "list", label: "Audit log" },
  { to: paths.settingsStore(), icon: "store", label: "Data access" },
];

export function SettingsLayout() {
  const { tenant } = useSession();
  useTitle("Settings");
  return (
    <Page title="Settings" note={tenant.name}>
      <nav className={styles.tabs} aria-label="Settings">
        {tabs.map((tab) => (
          <NavLink key={tab.to} to={tab.to} end className={styles.tab}>
            <Icon name={tab.icon} size={18} />
            {tab.label}
          </NavLink>
        ))}
      </nav>
      <Outlet />
    </Page>
  );
}
