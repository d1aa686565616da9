/** How bills are collected: the card, whether something is overdue, and what happens next. */
import { explain } from "../../api/errors";
import { Standing, useCheckout, usePaymentStatus, usePortal } from "../../api/payment";
import { formatMoney } from "../../format/money";
import { millis } from "../../format/time";
import { useRefusal } from "../../hooks/useSession";
import { Badge, type Tone } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Panel } from "../../ui/Panel";
import { ErrorPanel, Notice, SkeletonRows } from "../../ui/States";
import { useToasts } from "../../ui/Toasts";
import { dateName } from "./span";
import styles from "./Bill.module.css";

const standings: Partial<Record<Standing, { tone: Tone; word: string }>> = {
  [Standing.GOOD]: { tone: "accent", word: "nothing overdue" },
  [Standing.PAST_DUE]: { tone: "brass", word: "payment overdue" },
  [Standing.SUSPENDED]: { tone: "rust", word: "suspended until paid" },
};

export function CollectionPanel() {
  const { data, error, refetch } = usePaymentStatus();
  const refusal = useRefusal("billing.write");
  const checkout = useCheckout();
  const portal = usePortal();
  const toasts = useToasts();
  const standing = data && standings[data.standing];

  async function leave(page: typeof checkout | typeof portal) {
    try {
      const { url } = await page.mutateAsync({});
      window.location.assign(url);
    } catch (failure) {
      toasts.failed("The payment provider's page could not be opened", explain(failure).detail);
    }
  }

  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data) {
    return (
      <Panel title="Payment">
        <SkeletonRows rows={2} />
      </Panel>
    );
  }
  if (!data.configured) {
    return (
      <Panel title="Payment">
        <p className={styles.quiet}>This installation collects no payments: bills are for information.</p>
      </Panel>
    );
  }
  const { method } = data;
  return (
    <Panel title="Payment" actions={standing && <Badge tone={standing.tone}>{standing.word}</Badge>}>
      <div className={styles.payment}>
        {data.dueMinor > 0n && (
          <Notice tone="rust" icon="warning">
            {formatMoney(data.dueMinor, data.currency, data.currencyDigits)} overdue since {dateName(millis(data.pastDueSince))}.
          </Notice>
        )}
        <p>
          {method ? (
            <>
              <strong>
                {method.brand} ending in {method.last4}
              </strong>
              , until {String(method.expiresMonth).padStart(2, "0")}/{method.expiresYear} {method.expiresSoon && <Badge tone="brass">ends soon</Badge>}
            </>
          ) : (
            "No card is on file."
          )}{" "}
          <span className={styles.quiet}>{data.nextAction}</span>
        </p>
        <div className={styles.buttons}>
          <Button kind={method ? "secondary" : "primary"} busy={checkout.isPending} disabledReason={refusal} onClick={() => leave(checkout)}>
            {method ? "Change card" : "Add a card"}
          </Button>
          {method && (
            <Button kind="quiet" busy={portal.isPending} disabledReason={refusal} onClick={() => leave(portal)}>
              Receipts at the payment provider
            </Button>
          )}
        </div>
      </div>
    </Panel>
  );
}
