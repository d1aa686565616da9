/** The way back to the page that a page belongs to, above its heading. */
import { Link } from "react-router";
import { Icon } from "./Icon";
import styles from "./BackLink.module.css";

export function BackLink({ to, children }: { to: string; children: string }) {
  return (
    <Link to={to} className={styles.back}>
      <Icon name="back" size={18} /> {children}
    </Link>
  );
}
