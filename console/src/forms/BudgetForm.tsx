/** A budget: the amount, the shares that are told of, and what happens when it is spent. */
import { useState, type FormEvent } from "react";
import { Action, useSetBudget, type BudgetState } from "../api/budget";
import { explain } from "../api/errors";
import { toMajor, toMinor } from "../format/money";
import { useRefusal } from "../hooks/useSession";
import { Button } from "../ui/Button";
import { SelectField, TextField } from "../ui/Field";
import { Notice } from "../ui/States";
import { useToasts } from "../ui/Toasts";
import styles from "./form.module.css";
import { percentsOf } from "./percents";

export function BudgetForm({ state }: { state: BudgetState }) {
  const { budget, currency, currencyDigits } = state;
  const [amount, setAmount] = useState(budget ? toMajor(budget.amountMinor, currencyDigits) : "");
  const [actual, setActual] = useState((budget?.actualPercents ?? [50, 80, 100]).join(", "));
  const [forecast, setForecast] = useState((budget?.forecastPercents ?? [100]).join(", "));
  const [whenSpent, setWhenSpent] = useState<Action>(budget?.whenSpent ?? Action.NOTIFY);
  const [whenCredits, setWhenCredits] = useState<Action>(budget?.whenCreditsSpent ?? Action.OVERAGE);
  const [rate, setRate] = useState(budget?.throttleEventsPerSecond ? String(budget.throttleEventsPerSecond) : "");
  const [tried, setTried] = useState(false);
  const set = useSetBudget();
  const refusal = useRefusal("billing.write");
  const toasts = useToasts();
  const throttles = whenSpent === Action.THROTTLE || whenCredits === Action.THROTTLE;
  const minor = toMinor(amount, currencyDigits);
  const [told, foretold] = [percentsOf(actual), percentsOf(forecast)];
  const perSecond = /^[1-9]\d{0,5}$/.test(rate.trim()) ? Number(rate) : undefined;

  async function send(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (minor === undefined || !told || !foretold || (throttles && !perSecond)) return;
    try {
      await set.mutateAsync({
        amountMinor: minor,
        actualPercents: told,
        forecastPercents: foretold,
        whenSpent,
        whenCreditsSpent: whenCredits,
        throttleEventsPerSecond: throttles ? (perSecond ?? 0) : 0,
      });
      toasts.done("The budget is set");
    } catch {
      // Shown below from the mutation's own state.
    }
  }

  const percents = "Whole per cents from 1 to 1000, at most ten, with commas.";
  return (
    <form className={styles.form} onSubmit={send} noValidate>
      {set.isError && (
        <Notice tone="rust" icon="warning">
          {explain(set.error).detail}
        </Notice>
      )}
      <div className={styles.row}>
        <TextField
          label={`Amount a month, in ${currency}`}
          inputMode="decimal"
          placeholder="500.00"
          maxLength={18}
          value={amount}
          error={tried && minor === undefined ? `Give an amount above zero with at most ${currencyDigits} digits after the point.` : undefined}
          onChange={(e) => setAmount(e.target.value)}
        />
        <TextField label="Tell when this much is spent" hint="Per cent of the amount, e.g. 50, 80, 100." value={actual} maxLength={60} error={tried && !told ? percents : undefined} onChange={(e) => setActual(e.target.value)} />
        <TextField label="Tell when the forecast comes to" hint="Per cent of the amount; not on a month's first day." value={forecast} maxLength={60} error={tried && !foretold ? percents : undefined} onChange={(e) => setForecast(e.target.value)} />
      </div>
      <div className={styles.row}>
        <SelectField label="When it is spent" hint="Until the month ends or the budget is raised." value={whenSpent} onChange={(e) => setWhenSpent(Number(e.target.value))}>
          <option value={Action.NOTIFY}>tell, and let everything go on</option>
          <option value={Action.THROTTLE}>hold devices to fewer events</option>
          <option value={Action.BLOCK}>refuse devices' events</option>
        </SelectField>
        <SelectField label="When prepaid credits are used up" hint="If there are any." value={whenCredits} onChange={(e) => setWhenCredits(Number(e.target.value))}>
          <option value={Action.OVERAGE}>bill the rest</option>
          <option value={Action.NOTIFY}>tell, and bill the rest</option>
          <option value={Action.THROTTLE}>hold devices to fewer events</option>
          <option value={Action.BLOCK}>refuse devices' events</option>
        </SelectField>
        {throttles && <TextField label="Events a second then" inputMode="numeric" value={rate} maxLength={6} error={tried && !perSecond ? "Give a whole number above zero." : undefined} onChange={(e) => setRate(e.target.value)} />}
      </div>
      <div className={styles.actions}>
        <Button kind="primary" type="submit" busy={set.isPending} disabledReason={refusal}>
          {budget ? "Change budget" : "Set budget"}
        </Button>
      </div>
    </form>
  );
}
