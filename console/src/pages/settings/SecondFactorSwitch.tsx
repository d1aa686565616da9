/** Says whether the organisation's people must sign in with a second factor. */
import { useState } from "react";
import { Link } from "react-router";
import { explain } from "../../api/errors";
import { useRequireSecondFactor } from "../../api/tenant";
import { useRefusal, useSession } from "../../hooks/useSession";
import { paths } from "../../paths";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Confirm } from "../../ui/Dialog";
import { Panel } from "../../ui/Panel";
import { useToasts } from "../../ui/Toasts";
import styles from "./Settings.module.css";

export function SecondFactorSwitch() {
  const { tenant, secondFactor } = useSession();
  const refusal = useRefusal("tenant.write");
  const [asking, setAsking] = useState(false);
  const require = useRequireSecondFactor();
  const toasts = useToasts();
  const on = tenant.secondFactorRequired;
  const without = on || secondFactor ? undefined : "Set up your own second factor first, on your account page: you would lock yourself out.";

  async function turn() {
    try {
      await require.mutateAsync({ required: !on });
      toasts.done(on ? "A second factor is not required any more" : "Everybody needs a second factor now");
    } catch (failure) {
      toasts.failed("Could not change it", explain(failure).detail);
    }
    setAsking(false);
  }

  return (
    <Panel
      title="Second factor"
      actions={
        <Button disabledReason={refusal ?? without} onClick={() => setAsking(true)}>
          {on ? "Stop requiring it" : "Require second factor"}
        </Button>
      }
    >
      <p>
        <Badge tone={on ? "accent" : "steel"}>{on ? "required" : "not required"}</Badge>{" "}
        {on ? "Who has none reaches their account page only, until they have set one up." : "People may sign in with their password alone."} API keys are not concerned.
      </p>
      {without && !refusal && (
        <p className={styles.aside}>
          <Link to={paths.account()}>Set up your own second factor</Link>
        </p>
      )}
      <Confirm title={on ? "Stop requiring a second factor?" : "Require a second factor?"} open={asking} onClose={() => setAsking(false)} onConfirm={turn} confirm={on ? "Stop requiring it" : "Require it"} kind={on ? "danger" : "primary"} busy={require.isPending}>
        {on ? "A stolen password is then enough to sign in as one of your people." : "Within a second, people without a second factor reach their account page only, where they are told what to do."}
      </Confirm>
    </Panel>
  );
}
