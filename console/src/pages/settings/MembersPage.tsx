/** Settings: the people of the organisation and who is invited. */
import { useState, type FormEvent } from "react";
import { explain } from "../../api/errors";
import { useInvite } from "../../api/member";
import { ours } from "../../api/role";
import { Role } from "../../api/tenant";
import { confinable, facilitiesOf, FacilitiesField } from "../../forms/FacilitiesField";
import { RoleField } from "../../forms/RoleField";
import { useRefusal } from "../../hooks/useSession";
import { Button } from "../../ui/Button";
import { TextField } from "../../ui/Field";
import { Panel } from "../../ui/Panel";
import { useToasts } from "../../ui/Toasts";
import { Gate } from "./Gate";
import { InvitationList } from "./members/InvitationList";
import { MemberList } from "./members/MemberList";
import styles from "./Settings.module.css";

export default function MembersPage() {
  const refusal = useRefusal("members.write");
  return (
    <Gate action="members.read">
      {!refusal && <Invite />}
      <InvitationList refusal={refusal} />
      <MemberList refusal={refusal} />
    </Gate>
  );
}

function Invite() {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState(ours(Role.VIEWER));
  const [facilities, setFacilities] = useState("");
  const invite = useInvite();
  const toasts = useToasts();
  async function send(event: FormEvent) {
    event.preventDefault();
    try {
      await invite.mutateAsync({ email: email.trim(), ...role, facilities: confinable(role) ? facilitiesOf(facilities) : [] });
      toasts.done(`An e-mail is on its way to ${email.trim()}`);
      setEmail("");
      setFacilities("");
    } catch {
      // Shown at the field from the mutation's own state.
    }
  }
  return (
    <Panel title="Invite a person" note="They get an e-mail with a link, good once and for seven days.">
      <form className={styles.invite} onSubmit={send} noValidate>
        <TextField label="E-mail address" type="email" value={email} error={invite.isError ? explain(invite.error).detail : undefined} onChange={(e) => setEmail(e.target.value)} />
        <RoleField value={role} onChange={setRole} />
        <FacilitiesField role={role} value={facilities} onChange={setFacilities} />
        <Button kind="primary" type="submit" busy={invite.isPending} disabledReason={email.includes("@") ? undefined : "Enter an e-mail address first."}>
          Invite
        </Button>
      </form>
    </Panel>
  );
}
