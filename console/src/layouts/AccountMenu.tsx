/** Whose work this is: switch organisation, theme, sign out. */
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { explain } from "../api/errors";
import { useSwitchTenant } from "../api/tenant";
import { useSession } from "../hooks/useSession";
import { useZoneChoice, type ZoneChoice } from "../hooks/useZone";
import { useTheme } from "../hooks/useTheme";
import { ownZone } from "../format/zone";
import { paths } from "../paths";
import { SelectField } from "../ui/Field";
import { Icon } from "../ui/Icon";
import { useToasts } from "../ui/Toasts";
import styles from "./AccountMenu.module.css";
import { enterTenant } from "./enterTenant";
import { TenantSwitcher } from "./TenantSwitcher";
import { useSignOut } from "./useSignOut";

export function AccountMenu() {
  const { tenant, email } = useSession();
  const [open, setOpen] = useState(false);
  const wrap = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (event.target instanceof Node && !wrap.current?.contains(event.target)) setOpen(false);
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      setOpen(false);
      wrap.current?.querySelector("button")?.focus();
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    document.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
      document.removeEventListener("keydown", escape);
    };
  }, [open]);

  return (
    <div className={styles.wrap} ref={wrap}>
      <button type="button" className={styles.trigger} aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className={styles.mark} aria-hidden="true">
          {tenant.name.charAt(0).toUpperCase()}
        </span>
        <span className={styles.words}>
          <strong>{tenant.name}</strong>
          <span>{email}</span>
          <span className="visually-hidden">, account menu</span>
        </span>
        <Icon name="chevron" size={16} />
      </button>
      {open && <Menu close={() => setOpen(false)} />}
    </div>
  );
}

function Menu({ close }: { close: () => void }) {
  const { memberships, tenant, email, operator } = useSession();
  const navigate = useNavigate();
  const toasts = useToasts();
  const [theme, chooseTheme] = useTheme();
  const [choice, chooseZone] = useZoneChoice();
  const switchTenant = useSwitchTenant();
  const signOut = useSignOut();
  const other = theme === "dark" ? "light" : "dark";

  async function choose(tenantId: string) {
    close();
    if (tenantId === tenant.tenantId) return;
    try {
      await enterTenant(tenantId, switchTenant.mutateAsync);
      navigate(paths.fleet());
    } catch (error) {
      toasts.failed("Could not switch", explain(error).detail);
    }
  }

  return (
    <div className={styles.menu}>
      <p className={styles.title}>Organisations</p>
      <TenantSwitcher memberships={memberships} current={tenant.tenantId} onChoose={choose} />
      <button type="button" className={styles.entry} onClick={() => navigate(paths.newOrganisation())}>
        <Icon name="plus" size={18} />
        <span>New organisation</span>
      </button>
      <hr />
      <p className={styles.title}>{email}</p>
      <button type="button" className={styles.entry} onClick={() => navigate(paths.account())}>
        <Icon name="key" size={18} />
        <span>Your account</span>
      </button>
      {operator && (
        <button type="button" className={styles.entry} onClick={() => navigate(paths.operatorCells())}>
          <Icon name="settings" size={18} />
          <span>Operations</span>
        </button>
      )}
      <button type="button" className={styles.entry} onClick={() => chooseTheme(other)}>
        <Icon name={theme === "dark" ? "sun" : "moon"} size={18} />
        <span>Use the {other} theme</span>
      </button>
      <SelectField label="Times are shown in" className={styles.zone} value={choice} onChange={(e) => chooseZone(e.target.value as ZoneChoice)}>
        <option value="organisation">the organisation's zone, {tenant.settings?.timeZone || "UTC"}</option>
        <option value="mine">my zone, {ownZone()}</option>
        <option value="utc">UTC</option>
      </SelectField>
      <button type="button" className={styles.entry} onClick={signOut}>
        <Icon name="out" size={18} />
        <span>Sign out</span>
      </button>
    </div>
  );
}
