/** A new group. */
import { Link, useNavigate } from "react-router";
import { GroupForm } from "../forms/GroupForm";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Gate } from "./settings/Gate";

export default function NewGroupPage() {
  const navigate = useNavigate();
  useTitle("New group");
  return (
    <Page
      title="New group"
      narrow
      above={
        <Link to={paths.groups()}>
          <Icon name="back" size={18} /> Groups
        </Link>
      }
    >
      <Gate action="groups.write">
        <Panel>
          <GroupForm onDone={(group) => void navigate(paths.group({ group }))} />
        </Panel>
      </Gate>
    </Page>
  );
}
