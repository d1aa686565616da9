/** What each role may do: the table that the server itself decides by. */
import { explain } from "../../api/errors";
import { useRoles } from "../../api/role";
import { roleName, wordsOf } from "../../hooks/useSession";
import { Icon } from "../../ui/Icon";
import { Panel } from "../../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../../ui/States";
import styles from "./RoleMatrix.module.css";

export function RoleMatrix() {
  const { data, error, refetch } = useRoles();
  return (
    <Panel title="What each role may do" note="Read from the table that the server enforces." flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={6} />}
      {data && (
        // Wider than a phone: it scrolls, which the keyboard must be able to do, too.
        // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <div className={styles.scroll} role="region" aria-label="What each role may do" tabIndex={0}>
          <table className={styles.matrix}>
            <thead>
              <tr>
                <th scope="col">May</th>
                {data.roles.map((role) => (
                  <th key={roleName(role)} scope="col" title={role.title}>
                    {roleName(role)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {data.actions.map((action) => (
                <tr key={action}>
                  <th scope="row" title={action}>
                    {wordsOf(action)}
                  </th>
                  {data.roles.map((role) => (
                    <td key={roleName(role)}>
                      {role.actions.includes(action) ? (
                        <>
                          <Icon name="check" size={16} />
                          <span className="visually-hidden">yes</span>
                        </>
                      ) : (
                        <span className="visually-hidden">no</span>
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
