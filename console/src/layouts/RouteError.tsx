/** What stands where a page broke. A page that cannot be loaded usually means that a new version was put up. */
import { useRouteError } from "react-router";
import { ErrorPanel } from "../ui/States";
import styles from "./AppLayout.module.css";

export function RouteError() {
  const error = useRouteError();
  const outdated = error instanceof TypeError && /dynamically imported module|importing a module/i.test(error.message);
  return (
    <main className={styles.centre}>
      <ErrorPanel
        title={outdated ? "There is a newer version of this page" : "This page broke"}
        detail={outdated ? "Load it again to go on." : error instanceof Error ? error.message : "An unknown error occurred."}
        onRetry={() => window.location.reload()}
      />
    </main>
  );
}
