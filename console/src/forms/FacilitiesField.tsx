/** Confines a person to facilities, where their role allows it. */
import type { RoleChoice } from "../api/role";
import { Role } from "../api/tenant";
import { TextField } from "../ui/Field";

/** These roles act on the organisation as a whole. */
const whole = new Set([Role.OWNER, Role.ADMIN, Role.FINANCE]);

export const confinable = ({ role }: RoleChoice) => !whole.has(role);

/** The names in what was typed. */
export const facilitiesOf = (text: string) => [...new Set(text.split(/[\s,]+/).filter(Boolean))];

export function FacilitiesField({ role, value, onChange }: { role: RoleChoice; value: string; onChange: (text: string) => void }) {
  const may = confinable(role);
  return (
    <TextField
      label="Facilities"
      optional
      mono
      placeholder={may ? "all" : ""}
      hint={may ? "Only these, with commas between. Empty: all." : "This role concerns the whole organisation."}
      disabled={!may}
      spellCheck={false}
      value={may ? value : ""}
      onChange={(e) => onChange(e.target.value)}
    />
  );
}
