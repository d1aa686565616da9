/** What proves an invoice: its hash, those of what its lines were made of, and the command that counts everything again. */
import type { Invoice } from "../../api/invoice";
import { meterName } from "../../format/meter";
import { millis } from "../../format/time";
import { CopyBlock } from "../../ui/CopyBlock";
import { Panel } from "../../ui/Panel";
import { Counted } from "./Counted";
import styles from "./Bill.module.css";

export function Proof({ invoice }: { invoice: Invoice }) {
  const frozen = invoice.bill?.lines.filter((line) => line.snapshotId !== "") ?? [];
  return (
    <Panel title="Proof" note="Every figure can be counted again, from the line to the stored events. The command ends with 1 when anything differs." actions={<Counted start={millis(invoice.bill?.start)} end={millis(invoice.bill?.end)} />}>
      <div className={styles.payment}>
        <CopyBlock label="the command" text={`millwright verify invoice ${invoice.number}`} />
        <dl className={styles.hashes}>
          <dt>Invoice</dt>
          <dd>
            <code>{invoice.sha256}</code>
          </dd>
        </dl>
        {frozen.length > 0 && (
          <details className={styles.details}>
            <summary>Hashes of what {frozen.length} lines were made of</summary>
            <dl className={styles.hashes}>
              {frozen.map((line) => (
                <div key={line.position}>
                  <dt>
                    Line {line.position}, {meterName(line.meter)}
                  </dt>
                  <dd>
                    <code>{line.snapshotId}</code>
                  </dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </div>
    </Panel>
  );
}
