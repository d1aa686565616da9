/** How an invoice was collected. */
import { explain } from "../../api/errors";
import type { Invoice } from "../../api/invoice";
import { PaymentState, usePayments, usePaymentStatus } from "../../api/payment";
import { formatMoney } from "../../format/money";
import { millis } from "../../format/time";
import { Badge, type Tone } from "../../ui/Badge";
import { Panel } from "../../ui/Panel";
import { ErrorPanel } from "../../ui/States";
import { dateName } from "./span";
import styles from "./Bill.module.css";

const states: Partial<Record<PaymentState, { tone: Tone; word: string }>> = {
  [PaymentState.PENDING]: { tone: "steel", word: "on its way" },
  [PaymentState.PAID]: { tone: "accent", word: "paid" },
  [PaymentState.FAILED]: { tone: "rust", word: "refused" },
  [PaymentState.VOID]: { tone: "steel", word: "given up" },
};

export function InvoicePayments({ invoice }: { invoice: Invoice }) {
  const { data: status } = usePaymentStatus();
  const { data, error } = usePayments();
  if (error) return <ErrorPanel {...explain(error)} />;
  const payment = data?.payments.find((p) => p.invoiceId === invoice.invoiceId);
  const state = payment && (states[payment.state] ?? { tone: "steel", word: "unknown" });
  return (
    <Panel title="Payment" actions={state && <Badge tone={state.tone}>{state.word}</Badge>}>
      {payment ? (
        <p>
          {formatMoney(payment.amountMinor, payment.currency, payment.currencyDigits)}, {payment.paidAt ? `paid on ${dateName(millis(payment.paidAt))}` : `asked for on ${dateName(millis(payment.createdAt))}`}
          {payment.attempts > 1 && `, in ${payment.attempts} attempts`}. {payment.failure && `The last attempt failed: ${payment.failure}.`} {payment.reference && <code>{payment.reference}</code>}
        </p>
      ) : (
        <p className={styles.quiet}>{status && !status.configured ? "This installation collects no payments: the invoice is not collected." : "No payment was asked for."}</p>
      )}
    </Panel>
  );
}
