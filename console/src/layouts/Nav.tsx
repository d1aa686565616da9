/** The main navigation: a rail on a desk, a dock on a phone. */
import { Link, NavLink } from "react-router";
import { paths } from "../paths";
import { Icon, type IconName } from "../ui/Icon";
import { LogoMark } from "../ui/Logo";
import { AccountMenu } from "./AccountMenu";
import styles from "./Nav.module.css";

const items: ReadonlyArray<{ to: string; icon: IconName; label: string }> = [
  { to: paths.fleet(), icon: "fleet", label: "Fleet" },
  { to: paths.addDevice(), icon: "plus", label: "Add device" },
  { to: paths.groups(), icon: "store", label: "Groups" },
  { to: paths.deadLetters(), icon: "letter", label: "Dead letters" },
  { to: paths.usage(), icon: "usage", label: "Usage" },
  { to: paths.settings(), icon: "settings", label: "Settings" },
];

export function Rail() {
  return (
    <div className={styles.rail}>
      <Link to={paths.fleet()} className={styles.brand}>
        <LogoMark size={28} /> Millwright
      </Link>
      <nav className={styles.items} aria-label="Main">
        {items.map((item) => (
          <Item key={item.to} {...item} />
        ))}
      </nav>
      <div className={styles.foot}>
        <AccountMenu />
      </div>
    </div>
  );
}

export function Dock() {
  return (
    <nav className={styles.dock} aria-label="Main">
      {items.map((item) => (
        <Item key={item.to} {...item} />
      ))}
    </nav>
  );
}

function Item({ to, icon, label }: { to: string; icon: IconName; label: string }) {
  return (
    <NavLink to={to} className={styles.item}>
      <Icon name={icon} />
      {label}
    </NavLink>
  );
}
