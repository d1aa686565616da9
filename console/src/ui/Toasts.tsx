/** Short news of what just happened. Good news leaves by itself; bad news stays until it is read. */
import { createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import { IconButton } from "./Button";
import { cx } from "./cx";
import styles from "./Toasts.module.css";

interface Toast {
  id: number;
  title: string;
  detail?: string | undefined;
  bad: boolean;
}

export interface Toaster {
  done(title: string, detail?: string): void;
  failed(title: string, detail?: string): void;
}

const Context = createContext<Toaster>({ done: () => undefined, failed: () => undefined });
const staysFor = 5_000;
const mostAtOnce = 4;
let lastId = 0;

export const useToasts = () => useContext(Context);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<Toast[]>([]);
  const drop = useCallback((id: number) => setToasts((all) => all.filter((t) => t.id !== id)), []);
  const toaster = useMemo<Toaster>(() => {
    function show(bad: boolean, title: string, detail?: string) {
      const id = ++lastId;
      setToasts((all) => [...all.slice(1 - mostAtOnce), { id, title, detail, bad }]);
      if (!bad) setTimeout(() => drop(id), staysFor);
    }
    return { done: (title, detail) => show(false, title, detail), failed: (title, detail) => show(true, title, detail) };
  }, [drop]);

  return (
    <Context value={toaster}>
      {children}
      <div className={styles.stack} role="region" aria-label="Notifications" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={cx(styles.toast, toast.bad && styles.bad)}>
            <div>
              <strong>{toast.title}</strong>
              {toast.detail && <p>{toast.detail}</p>}
            </div>
            <IconButton label="Dismiss" icon="close" size="small" onClick={() => drop(toast.id)} />
          </div>
        ))}
      </div>
    </Context>
  );
}
