/** Chooses a role that gives no more than one's own. */
import { useRoles } from "../api/member";
import { Role } from "../api/tenant";
import { roleName, useSession } from "../hooks/useSession";
import { SelectField } from "../ui/Field";

export function RoleField({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  const { actions } = useSession();
  const { data } = useRoles();
  const offered = data?.roles.filter((r) => r.actions.every((action) => actions.has(action))) ?? [];
  const chosen = offered.find((r) => r.role === value);
  return (
    <SelectField label="Role" hint={chosen?.title} value={value} onChange={(e) => onChange(Number(e.target.value) as Role)}>
      {!chosen && <option value={value}>{roleName(value)}</option>}
      {offered.map(({ role }) => (
        <option key={role} value={role}>
          {roleName(role)}
        </option>
      ))}
    </SelectField>
  );
}
