/** Settings: every device's certificate, when each ends, and how devices get theirs by themselves. */
import { useCertificateOverview } from "../../api/certificate";
import { explain } from "../../api/errors";
import { BarChart } from "../../charts/BarChart";
import { day } from "../../format/time";
import { useNow } from "../../hooks/useNow";
import { useRefusal } from "../../hooks/useSession";
import { useWidth } from "../../hooks/useWidth";
import { CopyBlock } from "../../ui/CopyBlock";
import { Panel } from "../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../ui/States";
import { Authorities } from "./certificates/Authorities";
import { ClaimTokens } from "./certificates/ClaimTokens";
import { Inventory } from "./certificates/Inventory";
import { Templates } from "./certificates/Templates";
import { Gate } from "./Gate";
import styles from "./Settings.module.css";

export default function CertificatesPage() {
  return (
    <Gate action="devices.read">
      <Certificates />
    </Gate>
  );
}

function Certificates() {
  const provisioning = useRefusal("provisioning.read") === undefined;
  return (
    <div className={styles.stack}>
      <Overview />
      <Inventory />
      {provisioning && <Templates />}
      {provisioning && <ClaimTokens />}
      {provisioning && <Authorities />}
    </div>
  );
}

const dayName = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "2-digit", month: "short", timeZone: "UTC" });
const dayTick = new Intl.DateTimeFormat("en-GB", { day: "2-digit", month: "short", timeZone: "UTC" });
const shownDays = 45;

function Overview() {
  const { data, error, refetch } = useCertificateOverview();
  const now = useNow(60_000);
  const [ref, width] = useWidth(480);
  const today = Math.floor(now / day) * day;
  const counts = new Map(data?.expiry.map((d) => [Date.parse(d.day), d.count]));
  const bins = Array.from({ length: shownDays }, (_, i) => ({ start: today + i * day, value: counts.get(today + i * day) ?? 0 }));
  const rows = data && [
    ["Active", data.active, "good, with most of their life before them"],
    ["Due for renewal", data.expiring, "two thirds of their life are over, and no newer one is there"],
    ["Superseded", data.superseded, "still good, beside a newer one of the same device"],
    ["Expired", data.expired, ""],
    ["Revoked", data.revoked, ""],
  ];
  return (
    <Panel title="Certificates" note={data && `A new one lives ${Math.round(Number(data.lifeSeconds) / 86_400) || "less than a day,"} days.`} flush>
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={5} />}
      {rows && (
        <dl className={styles.list}>
          {rows.map(([name, count, note]) => (
            <div key={name}>
              <dt>
                {name}
                {note && <> · {note}</>}
              </dt>
              <dd>{count}</dd>
            </div>
          ))}
          <div>
            <dt>Revocation list</dt>
            <dd>
              <a href={data.crlUrl}>{data.crlUrl}</a>
            </dd>
          </div>
        </dl>
      )}
      {data && (
        <div ref={ref} style={{ padding: "var(--space-4) var(--space-5)" }}>
          {data.expiry.length === 0 ? (
            <Empty compact icon="certificate" title="Nothing ends in the next 90 days">
              Certificates that devices depend on appear here by the day they end.
            </Empty>
          ) : (
            <BarChart bins={bins} width={width} unit="certificates" label={`Certificates by the day they end, ${shownDays} days`} name={(t) => dayName.format(t)} tick={(t) => dayTick.format(t)} />
          )}
        </div>
      )}
      {data?.estUrl && (
        <div style={{ padding: "0 var(--space-5) var(--space-5)" }}>
          <p>Devices renew by EST (RFC 7030) with the certificate that they have:</p>
          <CopyBlock label="the command that renews" wrap text={`curl --cacert ca.pem --cert cert.pem --key key.pem -H 'Content-Type: application/pkcs10' --data-binary @request.b64 ${data.estUrl}/simplereenroll`} />
        </div>
      )}
    </Panel>
  );
}
