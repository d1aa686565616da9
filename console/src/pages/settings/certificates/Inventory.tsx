/** The certificates of all devices, those that end first in front. */
import { useState } from "react";
import { Link } from "react-router";
import { CertificateOrigin, CertificateStatus, useInventory, useRevokeCertificates, type InventoryEntry } from "../../../api/certificate";
import { explain } from "../../../api/errors";
import { formatDate, formatUntil, millis } from "../../../format/time";
import { useNow } from "../../../hooks/useNow";
import { useRefusal } from "../../../hooks/useSession";
import { paths } from "../../../paths";
import { ActionCell } from "../../../ui/ActionCell";
import { Badge, type Tone } from "../../../ui/Badge";
import { Button } from "../../../ui/Button";
import { Confirm } from "../../../ui/Dialog";
import { BareSelect } from "../../../ui/Field";
import { Panel } from "../../../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../../../ui/States";
import table from "../../../ui/Table.module.css";
import { useToasts } from "../../../ui/Toasts";
import styles from "../Settings.module.css";

export const statusWords: Record<CertificateStatus, [string, Tone]> = {
  [CertificateStatus.UNSPECIFIED]: ["unknown", "steel"],
  [CertificateStatus.ACTIVE]: ["active", "accent"],
  [CertificateStatus.EXPIRING]: ["due for renewal", "brass"],
  [CertificateStatus.SUPERSEDED]: ["superseded", "steel"],
  [CertificateStatus.EXPIRED]: ["expired", "rust"],
  [CertificateStatus.REVOKED]: ["revoked", "rust"],
};

export const originWords: Record<CertificateOrigin, string> = {
  [CertificateOrigin.UNSPECIFIED]: "",
  [CertificateOrigin.API]: "issued here",
  [CertificateOrigin.CLAIM]: "enrolled by claim token",
  [CertificateOrigin.RENEWAL]: "renewed by the device",
  [CertificateOrigin.OWN_AUTHORITY]: "from your own CA",
};

export function Inventory() {
  const [status, setStatus] = useState(CertificateStatus.UNSPECIFIED);
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useInventory(status, "");
  const [ending, setEnding] = useState<InventoryEntry>();
  const revoke = useRevokeCertificates();
  const toasts = useToasts();
  const list = data?.pages.flatMap((page) => page.certificates);

  async function end() {
    const serial = ending?.certificate?.serial;
    if (!serial) return;
    try {
      await revoke.mutateAsync({ serials: [serial] });
      toasts.done(`The certificate of ${ending.deviceId} is revoked`);
    } catch (failure) {
      toasts.failed("Could not revoke it", explain(failure).detail);
    }
    setEnding(undefined);
  }

  return (
    <Panel
      title="Inventory"
      note={data && `${data.pages[0]?.total ?? 0} in all`}
      flush
      actions={
        <BareSelect label="Status" value={status} onChange={(e) => setStatus(Number(e.target.value))}>
          <option value={CertificateStatus.UNSPECIFIED}>Every status</option>
          {[CertificateStatus.ACTIVE, CertificateStatus.EXPIRING, CertificateStatus.SUPERSEDED, CertificateStatus.EXPIRED, CertificateStatus.REVOKED].map((s) => (
            <option key={s} value={s}>
              {statusWords[s][0]}
            </option>
          ))}
        </BareSelect>
      }
    >
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!list && !error && <SkeletonRows rows={5} />}
      {list?.length === 0 && (
        <Empty icon="certificate" title="No certificates here">
          {status === CertificateStatus.UNSPECIFIED ? "Add a device, or let devices enrol by themselves with a claim token." : "No certificate has this status now."}
        </Empty>
      )}
      {list && list.length > 0 && (
        <table className={table.table}>
          <thead>
            <tr>
              <th scope="col">Device</th>
              <th scope="col">Status</th>
              <th scope="col">Serial</th>
              <th scope="col">Ends</th>
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.map((entry) => (
              <Row key={entry.certificate?.serial} entry={entry} onRevoke={() => setEnding(entry)} />
            ))}
          </tbody>
        </table>
      )}
      {hasNextPage && (
        <div className={styles.more}>
          <Button size="small" kind="quiet" busy={isFetchingNextPage} onClick={() => fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
      <Confirm title="Revoke this certificate?" open={ending !== undefined} onClose={() => setEnding(undefined)} onConfirm={end} confirm="Revoke certificate" busy={revoke.isPending}>
        The gateway refuses it from now on and cuts the sessions of {ending?.deviceId} that use it. This cannot be undone.
      </Confirm>
    </Panel>
  );
}

function Row({ entry, onRevoke }: { entry: InventoryEntry; onRevoke: () => void }) {
  const now = useNow(60_000);
  const refusal = useRefusal("certificates.write");
  const { deviceId, certificate } = entry;
  if (!certificate) return null;
  const [word, tone] = statusWords[certificate.status];
  const until = millis(certificate.notAfter) ?? 0;
  const good = [CertificateStatus.ACTIVE, CertificateStatus.EXPIRING, CertificateStatus.SUPERSEDED].includes(certificate.status);
  return (
    <tr>
      <td data-lead>
        <Link to={paths.device({ device: deviceId })}>{deviceId}</Link>
      </td>
      <td data-label="Status">
        <Badge tone={tone}>{word}</Badge> <span className={table.muted}>{originWords[certificate.origin]}</span>
      </td>
      <td data-label="Serial">
        <code title={certificate.serial}>{certificate.serial.slice(0, 12)}…</code>
      </td>
      <td data-label="Ends" className={table.muted}>
        {formatDate(until)}, {formatUntil(until, now)}
      </td>
      <ActionCell>
        {good && (
          <Button size="small" kind="danger" disabledReason={refusal} onClick={onRevoke}>
            Revoke
          </Button>
        )}
      </ActionCell>
    </tr>
  );
}
