/** What the operators of the installation say to everybody, above every page. */
import { Severity, useNotices } from "../api/platform";
import { Notice } from "../ui/States";
import styles from "./AppLayout.module.css";

export function Announcements() {
  const { data } = useNotices();
  return data?.announcements.map((a) => (
    <div key={a.announcementId} className={styles.banner} role="status">
      <Notice tone={a.severity === Severity.WARNING ? "brass" : "accent"} icon={a.severity === Severity.WARNING ? "warning" : "info"}>
        {a.text}
      </Notice>
    </div>
  ));
}
