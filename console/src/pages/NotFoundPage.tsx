/** An address that leads nowhere. */
import { Link } from "react-router";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { buttonClass } from "../ui/Button";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty } from "../ui/States";

export default function NotFoundPage() {
  useTitle("No such page");
  return (
    <Page title="No such page">
      <Panel>
        <Empty
          icon="search"
          title="This address leads nowhere"
          action={
            <Link className={buttonClass("primary")} to={paths.fleet()}>
              Go to the fleet
            </Link>
          }
        >
          The link may be old, or a letter may be missing.
        </Empty>
      </Panel>
    </Page>
  );
}
