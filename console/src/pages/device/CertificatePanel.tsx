/** The device's certificates: how long they last, a new one, an end to an old one. */
import { useState } from "react";
import { CertificateStatus, DeviceStatus, useIssueCertificate, useRevokeCertificate, type Certificate, type Credentials, type Device } from "../../api/device";
import { explain } from "../../api/errors";
import { formatDate, formatUntil, millis } from "../../format/time";
import { useNow } from "../../hooks/useNow";
import { useRefusal } from "../../hooks/useSession";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm, Dialog } from "../../ui/Dialog";
import { Panel } from "../../ui/Panel";
import { Empty, Notice } from "../../ui/States";
import { useToasts } from "../../ui/Toasts";
import { BundleDownload } from "../../bundle/BundleDownload";
import { originWords } from "../settings/certificates/Inventory";
import styles from "./Device.module.css";
import { EnrolButton } from "./EnrolButton";

const shownFirst = 3;

export function CertificatePanel({ device }: { device: Device }) {
  const refusal = useRefusal("certificates.write");
  const toasts = useToasts();
  const issue = useIssueCertificate();
  const [issued, setIssued] = useState<Credentials>();
  const [revoking, setRevoking] = useState<string>();
  const [all, setAll] = useState(false);
  const certificates = device.certificates.toSorted((a, b) => (millis(b.notBefore) ?? 0) - (millis(a.notBefore) ?? 0));
  const shown = all ? certificates : certificates.slice(0, shownFirst);

  async function make() {
    try {
      const { credentials } = await issue.mutateAsync({ deviceId: device.deviceId });
      setIssued(credentials);
    } catch (error) {
      toasts.failed("Could not issue a certificate", explain(error).detail);
    }
  }

  return (
    <Panel
      title="Certificates"
      flush
      actions={
        device.status === DeviceStatus.RETIRED ? undefined : (
          <>
            <EnrolButton deviceId={device.deviceId} />
            <Button size="small" icon="plus" busy={issue.isPending} disabledReason={refusal} onClick={make}>
              Issue
            </Button>
          </>
        )
      }
    >
      {certificates.length === 0 && (
        <Empty compact icon="certificate" title="No certificate">
          The device cannot connect until you issue one, or let it enrol by itself.
        </Empty>
      )}
      {shown.map((certificate) => (
        <CertificateEntry key={certificate.serial} certificate={certificate} refusal={refusal} onRevoke={() => setRevoking(certificate.serial)} />
      ))}
      {certificates.length > shown.length && (
        <div className={styles.cert}>
          <Button size="small" kind="quiet" onClick={() => setAll(true)}>
            Show all {certificates.length}
          </Button>
        </div>
      )}
      <Dialog title="New certificate" open={issued !== undefined} onClose={() => setIssued(undefined)}>
        {issued && (
          <>
            <Notice tone="brass" icon="warning">
              The private key is shown this once. Download it now and bring it to the device; then revoke the certificate that it replaces.
            </Notice>
            <BundleDownload deviceId={device.deviceId} credentials={issued} />
          </>
        )}
      </Dialog>
      <RevokeDialog deviceId={device.deviceId} serial={revoking} onClose={() => setRevoking(undefined)} />
    </Panel>
  );
}

function CertificateEntry({ certificate, refusal, onRevoke }: { certificate: Certificate; refusal: string | undefined; onRevoke: () => void }) {
  const now = useNow(60_000);
  const from = millis(certificate.notBefore) ?? 0;
  const until = millis(certificate.notAfter) ?? 0;
  const expired = until <= now || certificate.status === CertificateStatus.EXPIRED;
  const active = certificate.status !== CertificateStatus.REVOKED && !expired;
  const superseded = certificate.status === CertificateStatus.SUPERSEDED;
  const expiring = active && !superseded && certificate.status === CertificateStatus.EXPIRING;
  const left = Math.max(0, Math.min(1, (until - now) / Math.max(1, until - from)));
  return (
    <div className={styles.cert}>
      <div className={styles.certHead}>
        {active ? (
          <Badge tone={expiring ? "brass" : superseded ? "steel" : "accent"}>{expiring ? "Renewal due" : superseded ? "Superseded, still good" : "Valid"}</Badge>
        ) : (
          <Badge tone="rust">{certificate.status === CertificateStatus.REVOKED ? "Revoked" : "Expired"}</Badge>
        )}
        {active && (
          <Button size="small" kind="danger" disabledReason={refusal} onClick={onRevoke}>
            Revoke
          </Button>
        )}
      </div>
      {active && (
        <div className={styles.life} data-soon={expiring || undefined} aria-hidden="true">
          <span style={{ width: `${left * 100}%` }} />
        </div>
      )}
      <div className={styles.certFoot}>
        <span>{active ? `Expires ${formatUntil(until, now)}` : certificate.revokedAt ? `Revoked ${formatDate(millis(certificate.revokedAt) ?? 0)}` : `Expired ${formatUntil(until, now)}`}</span>
        <span>{formatDate(until)}</span>
      </div>
      {originWords[certificate.origin] && <div className={styles.certFoot}>{originWords[certificate.origin]}</div>}
      <code className={styles.serial} title={certificate.serial}>
        {certificate.serial}
      </code>
    </div>
  );
}

function RevokeDialog({ deviceId, serial, onClose }: { deviceId: string; serial: string | undefined; onClose: () => void }) {
  const revoke = useRevokeCertificate();
  const toasts = useToasts();
  async function run() {
    if (!serial) return;
    try {
      await revoke.mutateAsync({ deviceId, serial });
      toasts.done("Certificate revoked");
    } catch (error) {
      toasts.failed("Could not revoke it", explain(error).detail);
    }
    onClose();
  }
  return (
    <Confirm title="Revoke this certificate?" open={serial !== undefined} onClose={onClose} onConfirm={run} confirm="Revoke certificate" busy={revoke.isPending}>
      The gateway refuses it from now on and cuts the sessions that use it. This cannot be undone; a device without another certificate is offline until it gets a new one.
    </Confirm>
  );
}
