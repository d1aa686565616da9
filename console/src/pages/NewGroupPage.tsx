/** A new group. */
import { useNavigate } from "react-router";
import { GroupForm } from "../forms/GroupForm";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { BackLink } from "../ui/BackLink";
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
      above={<BackLink to={paths.groups()}>Groups</BackLink>}
    >
      <Gate action="groups.write">
        <Panel>
          <GroupForm onDone={(group) => void navigate(paths.group({ group }))} />
        </Panel>
      </Gate>
    </Page>
  );
}
