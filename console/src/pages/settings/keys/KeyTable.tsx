/** The keys: each secret with its prefix and when it was used last. */
import type { Key, Secret } from "../../../api/key";
import { formatAgo, formatDate, formatUntil, millis } from "../../../format/time";
import { useNow } from "../../../hooks/useNow";
import { roleName, wordsOf } from "../../../hooks/useSession";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import table from "../../../ui/Table.module.css";

interface Props {
  keys: Key[];
  refusal: string | undefined;
  onRotate: (key: Key) => void;
  onRevoke: (key: Key) => void;
}

export function KeyTable({ keys, refusal, onRotate, onRevoke }: Props) {
  const now = useNow(60_000);
  return (
    <table className={table.table}>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Secret</th>
          <th scope="col">May</th>
          <th scope="col">Last used</th>
          <th scope="col">Expires</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <tr key={key.keyId}>
            <td data-lead title={`Created ${formatDate(millis(key.createdAt) ?? 0)} by ${key.createdBy}`}>
              {key.name}
              {key.serviceAccountId && <div className={table.muted}>{key.serviceAccountId}</div>}
            </td>
            <td data-label="Secret">
              {key.secrets.map((secret) => (
                <div key={secret.prefix}>
                  <code>{secret.prefix}…</code> {secret.expiresAt && <Badge tone="brass">ends {formatUntil(millis(secret.expiresAt) ?? 0, now)}</Badge>}
                </div>
              ))}
            </td>
            <td data-label="May">
              <Badge>{roleName(key)}</Badge> <span className={table.muted}>{narrowed(key)}</span>
            </td>
            <td data-label="Last used" className={table.muted}>
              {key.secrets.map((secret) => (
                <div key={secret.prefix}>{lastUse(secret, now)}</div>
              ))}
            </td>
            <td data-label="Expires" className={table.muted}>
              {key.expiresAt ? formatUntil(millis(key.expiresAt) ?? 0, now) : "never"}
            </td>
            <ActionCell>
              <Button size="small" kind="quiet" icon="refresh" disabledReason={refusal} onClick={() => onRotate(key)}>
                Rotate
              </Button>
              <Button size="small" kind="quiet" icon="trash" disabledReason={refusal} onClick={() => onRevoke(key)}>
                Revoke
              </Button>
            </ActionCell>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What a key may do less than its role. */
function narrowed({ scopes, facilities }: Key): string {
  const [first] = scopes;
  const what = scopes.length === 0 || first === undefined ? "" : scopes.length === 1 ? `only: ${wordsOf(first).toLowerCase()}` : `only ${scopes.length} of its actions`;
  return [what, facilities.length > 0 ? `at ${facilities.join(", ")}` : ""].filter(Boolean).join(" ");
}

function lastUse({ lastUsedAt, lastUsedAddress, lastUsedAtPlane }: Secret, now: number): string {
  const at = millis(lastUsedAt);
  if (at === undefined) return "never";
  return `${formatAgo(at, now)} from ${lastUsedAddress}${lastUsedAtPlane === "controlplane" ? "" : ` at ${lastUsedAtPlane}`}`;
}
