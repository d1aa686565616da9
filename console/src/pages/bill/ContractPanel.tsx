/** What holds for this organisation instead of the price book. */
import type { Contract } from "../../api/subscription";
import { formatPer, formatQuantity, meterName } from "../../format/meter";
import { formatPrice } from "../../format/money";
import { millis } from "../../format/time";
import { Panel } from "../../ui/Panel";
import { dateName } from "./span";
import styles from "./Plan.module.css";

export function ContractPanel({ contract }: { contract: Contract }) {
  return (
    <Panel title="Contract" note={`From ${dateName(millis(contract.start))}${contract.end ? ` to ${dateName(millis(contract.end))}` : ", until it is ended"}`}>
      <dl className={styles.charges}>
        {contract.discountPercent && contract.discountPercent !== "0" && (
          <div>
            <dt>Discount</dt>
            <dd>{contract.discountPercent} %</dd>
          </div>
        )}
        {contract.flat && (
          <div>
            <dt>Fee a month</dt>
            <dd>{formatPrice(contract.flat, contract.currency)}</dd>
          </div>
        )}
        {contract.minimum && (
          <div>
            <dt>At least a month</dt>
            <dd>{formatPrice(contract.minimum, contract.currency)}</dd>
          </div>
        )}
        {contract.charges.map((charge) => (
          <div key={charge.meter}>
            <dt>{meterName(charge.meter)}</dt>
            <dd>
              {charge.included > 0n && <span>{formatQuantity(charge.included, charge.meter)} included</span>}
              <span>
                {charge.tiers.map((t) => formatPrice(t.price, contract.currency)).join(", ")} / {formatPer(charge.per, charge.meter)}
              </span>
            </dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
