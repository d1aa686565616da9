/** Groups: sets of devices, by hand or by a query, and what they are held to. */
import { Link } from "react-router";
import { explain } from "../api/errors";
import { useGroups } from "../api/group";
import { policyWords } from "../forms/policy";
import { formatCount } from "../format/number";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Badge } from "../ui/Badge";
import { Button, buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import table from "../ui/Table.module.css";
import { Gate } from "./settings/Gate";

export default function GroupsPage() {
  useTitle("Groups");
  return (
    <Page title="Groups" note="Devices that belong together, and what they are held to." actions={<NewGroup />}>
      <Gate action="groups.read">
        <Groups />
      </Gate>
    </Page>
  );
}

function NewGroup() {
  const refusal = useRefusal("groups.write");
  if (refusal) {
    return (
      <Button kind="primary" icon="plus" disabledReason={refusal}>
        New group
      </Button>
    );
  }
  return (
    <Link className={buttonClass("primary")} to={paths.newGroup()}>
      <Icon name="plus" size={18} /> New group
    </Link>
  );
}

function Groups() {
  const { data, error, refetch } = useGroups();
  return (
    <Panel flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={4} />}
      {data?.groups.length === 0 && (
        <Empty icon="fleet" title="No groups yet" action={<NewGroup />}>
          A group gathers devices by a query such as type == "press", or by hand. Its policy says which topics, how large and how many messages its devices may send.
        </Empty>
      )}
      {data && data.groups.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col">Members come</th>
              <th scope="col">Policy</th>
              <th scope="col" className={table.number}>
                Devices
              </th>
            </tr>
          </thead>
          <tbody>
            {data.groups.map((group) => (
              <tr key={group.groupId}>
                <td data-lead>
                  <Link to={paths.group({ group: group.groupId })}>{group.name}</Link>
                </td>
                <td data-label="Members come">{group.query ? <Badge tone="accent">by query</Badge> : <Badge>by hand</Badge>}</td>
                <td data-label="Policy" className={table.muted}>
                  {policyWords(group.policy)}
                </td>
                <td data-label="Devices" className={table.number}>
                  {formatCount(group.members)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
