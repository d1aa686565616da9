/** Chooses a role, up to one's own. */
import { Role } from "../api/tenant";
import { roleName, useSession } from "../hooks/useSession";
import { SelectField } from "../ui/Field";

const meaning: Partial<Record<Role, string>> = {
  [Role.OWNER]: "Everything, other owners included.",
  [Role.ADMIN]: "Devices, people and keys.",
  [Role.OPERATOR]: "Works with devices; reads everything but people and keys.",
  [Role.VIEWER]: "Reads devices, telemetry and usage.",
};

export function RoleField({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  const { role: own } = useSession();
  const offered = [Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.OWNER].filter((role) => role >= own);
  return (
    <SelectField label="Role" hint={meaning[value]} value={value} onChange={(e) => onChange(Number(e.target.value) as Role)}>
      {offered.map((role) => (
        <option key={role} value={role}>
          {roleName(role)}
        </option>
      ))}
    </SelectField>
  );
}
