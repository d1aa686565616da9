/** The frame of the settings: one heading, a tab for each part. */
import { useEffect, useRef } from "react";
import { NavLink, Outlet, useLocation } from "react-router";
import { useSession, type Action } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Icon, type IconName } from "../ui/Icon";
import { Page } from "../ui/Page";
import styles from "./SettingsLayout.module.css";

/** Who sees no machine is here for money: of what they may not read there is no tab for them. */
const tabs: ReadonlyArray<{ to: string; icon: IconName; label: string; needs?: Action }> = [
  { to: paths.settings(), icon: "building", label: "Organisation" },
  { to: paths.settingsMembers(), icon: "people", label: "Members", needs: "members.read" },
  { to: paths.settingsRoles(), icon: "check", label: "Roles" },
  { to: paths.settingsKeys(), icon: "key", label: "API keys", needs: "keys.read" },
  { to: paths.settingsCertificates(), icon: "certificate", label: "Certificates", needs: "provisioning.read" },
  { to: paths.settingsAudit(), icon: "list", label: "Audit log", needs: "audit.read" },
  { to: paths.settingsLimits(), icon: "usage", label: "Limits" },
  { to: paths.settingsStore(), icon: "store", label: "Data access", needs: "store.read" },
];

export function SettingsLayout() {
  const { tenant, actions } = useSession();
  const { pathname } = useLocation();
  const nav = useRef<HTMLElement>(null);
  useTitle("Settings");
  // A phone shows three tabs at once: bring the current one into sight.
  useEffect(() => {
    const strip = nav.current;
    const tab = strip?.querySelector<HTMLElement>(`a[href="${pathname}"]`);
    if (strip && tab) strip.scrollLeft = tab.offsetLeft - strip.offsetLeft - (strip.clientWidth - tab.offsetWidth) / 2;
  }, [pathname]);
  return (
    <Page title="Settings" note={tenant.name}>
      <nav ref={nav} className={styles.tabs} aria-label="Settings">
        {tabs.filter(({ needs }) => needs === undefined || actions.has("devices.read") || actions.has(needs)).map((tab) => (
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
