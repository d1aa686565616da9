/** Plan: what the organisation pays by, what the other plans cost and include, and changing to one after seeing the bill. */
import { useState } from "react";
import { explain } from "../api/errors";
import { useCancelChange, usePricedPlans, useSubscription, type Plan, type Subscription } from "../api/subscription";
import { formatPrice } from "../format/money";
import { planName } from "../format/plan";
import { millis } from "../format/time";
import { useRefusal } from "../hooks/useSession";
import { useTitle } from "../hooks/useTitle";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { Panel } from "../ui/Panel";
import { ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import { ChangePlan } from "./bill/ChangePlan";
import { ContractPanel } from "./bill/ContractPanel";
import { PlanCard } from "./bill/PlanCard";
import { dateName } from "./bill/span";
import styles from "./bill/Plan.module.css";

export default function PlanPage() {
  useTitle("Plan");
  const subscription = useSubscription();
  const plans = usePricedPlans();
  const [choosing, setChoosing] = useState<Plan>();
  const error = subscription.error ?? plans.error;
  const held = subscription.data?.subscription;
  if (error) return <ErrorPanel {...explain(error)} onRetry={() => (subscription.error ? subscription.refetch() : plans.refetch())} />;
  if (!held || !plans.data) {
    return (
      <Panel>
        <SkeletonRows rows={6} />
      </Panel>
    );
  }
  const current = plans.data.plans.find((p) => p.current);
  return (
    <>
      {held.pending && <Pending subscription={held} />}
      <Panel title={`Plan ${planName(held.plan)}`} note={`Since ${dateName(millis(held.history[0]?.effectiveAt ?? held.since))}, at the prices of the book ${plans.data.priceBook}.`}>
        <dl className={styles.facts}>
          <div>
            <dt>Fee a month</dt>
            <dd>{current ? formatPrice(held.contract?.flat || current.flat, held.currency) : "–"}</dd>
          </div>
          <div>
            <dt>Currency</dt>
            <dd>{held.currency}</dd>
          </div>
          <div>
            <dt>Region</dt>
            <dd>{held.region}</dd>
          </div>
          {held.trialEnd && (
            <div>
              <dt>Trial</dt>
              <dd>until {dateName(millis(held.trialEnd))}</dd>
            </div>
          )}
        </dl>
      </Panel>
      {held.contract && <ContractPanel contract={held.contract} />}
      <h2 className={styles.heading}>Plans</h2>
      <div className={styles.plans}>
        {plans.data.plans.map((plan) => (
          <PlanCard key={plan.plan} plan={plan} currency={held.currency} onChoose={() => setChoosing(plan)} />
        ))}
      </div>
      <Dialog wide title={`Change to ${planName(choosing?.plan ?? "")}?`} open={choosing !== undefined} onClose={() => setChoosing(undefined)}>
        {choosing && <ChangePlan plan={choosing} onDone={() => setChoosing(undefined)} />}
      </Dialog>
    </>
  );
}

function Pending({ subscription }: { subscription: Subscription }) {
  const cancel = useCancelChange();
  const refusal = useRefusal("billing.write");
  const toasts = useToasts();

  async function stay() {
    try {
      await cancel.mutateAsync({});
      toasts.done(`The plan stays ${planName(subscription.plan)}`);
    } catch (failure) {
      toasts.failed("The change could not be taken back", explain(failure).detail);
    }
  }

  return (
    <Notice tone="brass">
      The plan changes to <strong>{planName(subscription.pending?.plan ?? "")}</strong> on {dateName(millis(subscription.pending?.effectiveAt))}, as {subscription.pending?.requestedBy} asked for.{" "}
      <Button size="small" kind="quiet" busy={cancel.isPending} disabledReason={refusal} onClick={stay}>
        Stay in {planName(subscription.plan)}
      </Button>
    </Notice>
  );
}
