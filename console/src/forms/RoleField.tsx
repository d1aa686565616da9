/** Chooses a role that gives no more than one's own. */
import { ours, useRoles, type RoleChoice } from "../api/role";
import { Role } from "../api/tenant";
import { roleName, useSession } from "../hooks/useSession";
import { SelectField } from "../ui/Field";

const same = (a: RoleChoice, b: RoleChoice) => a.role === b.role && a.customRole === b.customRole;
const text = ({ role, customRole }: RoleChoice) => `${role}/${customRole}`;

/** The choice that an option's value stands for. */
export function choiceOf(value: string): RoleChoice {
  const [role, customRole] = value.split("/");
  return role === undefined ? ours(Role.VIEWER) : { role: Number(role) as Role, customRole: customRole ?? "" };
}

export function RoleField({ value, onChange }: { value: RoleChoice; onChange: (role: RoleChoice) => void }) {
  const { actions } = useSession();
  const { data } = useRoles();
  const offered = data?.roles.filter((r) => r.actions.every((action) => actions.has(action))) ?? [];
  const chosen = offered.find((r) => same(r, value));
  return (
    <SelectField label="Role" hint={chosen?.title} value={text(value)} onChange={(e) => onChange(choiceOf(e.target.value))}>
      {!chosen && <option value={text(value)}>{roleName(value)}</option>}
      {offered.map((role) => (
        <option key={text(role)} value={text(role)}>
          {roleName(role)}
        </option>
      ))}
    </SelectField>
  );
}
