/** The main navigation: a rail on a desk, a dock on a phone. */
import { Link, NavLink } from "react-router";
import { useSession, type Action } from "../hooks/useSession";
import { paths } from "../paths";
import { Icon, type IconName } from "../ui/Icon";
import { LogoMark } from "../ui/Logo";
import { AccountMenu } from "./AccountMenu";
import styles from "./Nav.module.css";

interface Entry {
  to: string;
  icon: IconName;
  label: string;
  /** Who may not do this sees no entry: the page would have nothing for them. */
  needs?: Action;
}

const items: readonly Entry[] = [
  { to: paths.fleet(), icon: "fleet", label: "Fleet", needs: "devices.read" },
  { to: paths.addDevice(), icon: "plus", label: "Add device", needs: "devices.read" },
  { to: paths.groups(), icon: "store", label: "Groups", needs: "groups.read" },
  { to: paths.deadLetters(), icon: "letter", label: "Dead letters", needs: "devices.read" },
  { to: paths.usage(), icon: "usage", label: "Usage", needs: "usage.read" },
  { to: paths.bill(), icon: "bill", label: "Billing", needs: "invoices.read" },
  { to: paths.settings(), icon: "settings", label: "Settings" },
];

function useItems() {
  const { actions } = useSession();
  return items.filter(({ needs }) => needs === undefined || actions.has(needs));
}

export function Rail() {
  return (
    <div className={styles.rail}>
      <Link to={paths.home()} className={styles.brand}>
        <LogoMark size={28} /> Millwright
      </Link>
      <nav className={styles.items} aria-label="Main">
        {useItems().map((item) => (
          <Item key={item.to} {...item} />
        ))}
      </nav>
      <div className={styles.foot}>
        <AccountMenu />
      </div>
    </div>
  );
}

/** A phone has room for six; a device is added from the fleet as well. */
const dockSize = 6;

export function Dock() {
  const all = useItems();
  return (
    <nav className={styles.dock} aria-label="Main">
      {all.filter(({ to }) => all.length <= dockSize || to !== paths.addDevice()).map((item) => (
        <Item key={item.to} {...item} />
      ))}
    </nav>
  );
}

function Item({ to, icon, label }: Entry) {
  return (
    <NavLink to={to} className={styles.item}>
      <Icon name={icon} />
      {label}
    </NavLink>
  );
}
