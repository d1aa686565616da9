/** The person's organisations, to switch between; from seven on they can be searched. */
import { useState, type KeyboardEvent } from "react";
import { TenantStatus, type Membership } from "../api/tenant";
import { roleName } from "../hooks/useSession";
import { Icon } from "../ui/Icon";
import styles from "./AccountMenu.module.css";

const searchable = 7;

/** What stands beside an organisation: its state when that is unusual, else the person's role. */
export function noteOf({ tenant, role, customRole }: Membership): string {
  switch (tenant?.status) {
    case TenantStatus.SUSPENDED:
      return "suspended";
    case TenantStatus.DELETING:
      return "to be removed";
    case TenantStatus.PROVISIONING:
      return "being prepared";
    default:
      return roleName({ role, customRole });
  }
}

export function TenantSwitcher({ memberships, current, onChoose }: { memberships: Membership[]; current: string; onChoose: (tenantId: string) => void }) {
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const found = memberships.filter(({ tenant }) => tenant && `${tenant.name} ${tenant.slug}`.toLowerCase().includes(wanted));

  function move(event: KeyboardEvent<HTMLElement>) {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0) return;
    const stops = [...(event.currentTarget.closest("[data-switcher]")?.querySelectorAll<HTMLElement>("input, button") ?? [])];
    const at = stops.findIndex((stop) => stop === document.activeElement);
    stops[(at + step + stops.length) % stops.length]?.focus();
    event.preventDefault();
  }

  return (
    <div data-switcher>
      {memberships.length >= searchable && (
        <input
          type="search"
          className={styles.search}
          aria-label="Find an organisation"
          placeholder="Find an organisation"
          value={search}
          onChange={(e) => setSearch(e.target.value)}
          onKeyDown={(e) => (e.key === "Enter" && found[0]?.tenant ? onChoose(found[0].tenant.tenantId) : move(e))}
        />
      )}
      <div className={styles.tenants}>
        {found.map((m) => (
          <button key={m.tenant?.tenantId} type="button" className={styles.entry} aria-current={m.tenant?.tenantId === current} onKeyDown={move} onClick={() => onChoose(m.tenant?.tenantId ?? "")}>
            <Icon name="building" size={18} />
            <span>{m.tenant?.name}</span>
            <small>{noteOf(m)}</small>
            {m.tenant?.tenantId === current && <Icon name="check" size={16} />}
          </button>
        ))}
        {found.length === 0 && <p className={styles.title}>None of yours has that name.</p>}
      </div>
    </div>
  );
}
