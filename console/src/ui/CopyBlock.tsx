/** Text that is meant to be copied: a command, a secret. */
import { useState } from "react";
import styles from "./CopyBlock.module.css";
import { cx } from "./cx";
import { Icon } from "./Icon";

export function CopyBlock({ text, label, wrap }: { text: string; label: string; wrap?: boolean }) {
  const [copied, setCopied] = useState(false);
  async function copy() {
    setCopied(await copyText(text));
    setTimeout(() => setCopied(false), 2_000);
  }
  return (
    <div className={cx(styles.block, wrap && styles.wrap)}>
      {/* A long command scrolls sideways, which the keyboard must be able to do, too. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <pre tabIndex={0} aria-label={label}>
        <code>{text}</code>
      </pre>
      <button type="button" className={styles.copy} onClick={copy} aria-label={`Copy ${label}`}>
        <Icon name={copied ? "check" : "copy"} size={15} />
        <span aria-live="polite">{copied ? "Copied" : "Copy"}</span>
      </button>
    </div>
  );
}

/** Puts text on the clipboard; also where the page has no secure context, as on a plant's plain-HTTP address. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    area.style.opacity = "0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
