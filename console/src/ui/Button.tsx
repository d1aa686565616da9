/** Buttons. One that cannot be pressed now stays in place and says why. */
import { useId, type ButtonHTMLAttributes, type ReactNode } from "react";
import styles from "./Button.module.css";
import { cx } from "./cx";
import { Icon, type IconName } from "./Icon";

export type ButtonKind = "primary" | "secondary" | "quiet" | "danger";
export type ButtonSize = "small" | "normal" | "large";

interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "disabled"> {
  kind?: ButtonKind;
  size?: ButtonSize;
  icon?: IconName;
  busy?: boolean;
  wide?: boolean;
  /** Why it cannot be pressed; shown on hover and focus, read by screen readers. */
  disabledReason?: string | undefined;
}

export function Button({ kind = "secondary", size = "normal", icon, busy, wide, disabledReason, children, onClick, className, type = "button", ...rest }: ButtonProps) {
  const reasonId = useId();
  const off = disabledReason !== undefined || busy;
  return (
    <button
      {...rest}
      type={off ? "button" : type}
      className={cx(buttonClass(kind, size, wide, !children), className)}
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      aria-describedby={disabledReason ? reasonId : undefined}
      onClick={off ? (event) => event.preventDefault() : onClick}
    >
      {busy ? <span className={styles.spinner} aria-hidden="true" /> : icon && <Icon name={icon} size={18} />}
      {children}
      {disabledReason && (
        <span id={reasonId} role="tooltip" className={styles.reason}>
          {disabledReason}
        </span>
      )}
    </button>
  );
}

/** A button without words: its label is read, and shown as a tooltip. */
export function IconButton({ label, ...rest }: Omit<ButtonProps, "children"> & { label: string; icon: IconName }): ReactNode {
  return <Button kind="quiet" {...rest} aria-label={label} title={rest.disabledReason ? undefined : label} />;
}

/** The look of a button for something else, such as a link. */
export function buttonClass(kind: ButtonKind = "secondary", size: ButtonSize = "normal", wide = false, iconOnly = false): string {
  return cx(styles.button, styles[kind], size !== "normal" && styles[size], wide && styles.wide, iconOnly && styles.icon);
}
