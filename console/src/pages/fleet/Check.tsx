/** A box that selects a device, or all devices of the page. */
import { useEffect, useRef } from "react";
import styles from "./Bulk.module.css";

interface CheckProps {
  label: string;
  checked: boolean;
  some?: boolean;
  onChange: (checked: boolean) => void;
}

export function Check({ label, checked, some = false, onChange }: CheckProps) {
  const ref = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (ref.current) ref.current.indeterminate = some && !checked;
  }, [some, checked]);
  return <input ref={ref} type="checkbox" className={styles.check} aria-label={label} checked={checked} onChange={(e) => onChange(e.target.checked)} />;
}
