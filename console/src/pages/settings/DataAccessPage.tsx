/** Settings: how to read the organisation's own ClickHouse database directly. */
import { useState } from "react";
import { explain } from "../../api/errors";
import { useStoreAccess } from "../../api/telemetry";
import { Button } from "../../ui/Button";
import { CopyBlock } from "../../ui/CopyBlock";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import { Gate } from "./Gate";
import styles from "./Settings.module.css";

export default function DataAccessPage() {
  return (
    <Gate action="store.read">
      <Access />
    </Gate>
  );
}

function Access() {
  const [shown, setShown] = useState(false);
  const { data, error, refetch } = useStoreAccess(shown);
  return (
    <Panel title="Direct database access" note="A ClickHouse user that reads this organisation's database and nothing else" flush>
      {!shown && (
        <Empty
          icon="store"
          title="Your telemetry, in SQL"
          action={
            <Button kind="primary" onClick={() => setShown(true)}>
              Show the credentials
            </Button>
          }
        >
          Connect Grafana, a notebook or clickhouse-client to your own database. The user can read and cannot write.
        </Empty>
      )}
      {shown && error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {shown && !data && !error && <SkeletonRows rows={4} />}
      {shown && data && (
        <>
          <dl className={styles.list}>
            {[
              ["HTTP address", data.url],
              ["Database", data.database],
              ["User", data.username],
            ].map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="mono">{value}</dd>
              </div>
            ))}
          </dl>
          <div style={{ padding: 20 }} className={styles.stack}>
            <div>
              <h3>Password</h3>
              <CopyBlock text={data.password} label="the password" wrap />
            </div>
            <div>
              <h3>Try it</h3>
              <CopyBlock
                label="the example query"
                text={[
                  `curl '${data.url}/?database=${data.database}' \\`,
                  `  -H 'X-ClickHouse-User: ${data.username}' -H 'X-ClickHouse-Key: ${data.password}' \\`,
                  "  -d 'SELECT * FROM points LIMIT 10 FORMAT PrettyCompact'",
                ].join("\n")}
              />
            </div>
            <Notice>
              Tables: events (one row an event), points (one row a measurement), minutes and hours (summaries: read them with FINAL; a minute that
              late data came to has several rows), dead_letters.
            </Notice>
          </div>
        </>
      )}
    </Panel>
  );
}
