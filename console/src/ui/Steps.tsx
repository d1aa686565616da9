/** What is being done in steps, how far it is, and what holds it up. */
import { Icon } from "./Icon";
import { cx } from "./cx";
import styles from "./Steps.module.css";

export interface StepLine {
  name: string;
  title: string;
  state: "waiting" | "running" | "done";
  detail: string;
}

const words = { waiting: "waiting", running: "in progress", done: "done" };

export function Steps({ label, steps }: { label: string; steps: StepLine[] }) {
  return (
    <ol className={styles.steps} aria-label={label}>
      {steps.map((step) => (
        <li key={step.name} className={cx(styles.step, styles[step.state])} aria-current={step.state === "running" ? "step" : undefined}>
          <span className={styles.mark} aria-hidden="true">
            {step.state === "done" && <Icon name="check" size={14} />}
          </span>
          <span>
            {step.title}
            <span className="visually-hidden">: {words[step.state]}</span>
            {step.detail && step.state !== "waiting" && <small>{step.detail}</small>}
          </span>
        </li>
      ))}
    </ol>
  );
}
