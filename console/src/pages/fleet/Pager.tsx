/** Steps through a list that the server gives page by page. */
import { IconButton } from "../../ui/Button";
import styles from "./Fleet.module.css";

interface PagerProps {
  page: number;
  more: boolean;
  onBack: () => void;
  onNext: () => void;
}

export function Pager({ page, more, onBack, onNext }: PagerProps) {
  if (page === 0 && !more) return null;
  return (
    <nav className={styles.pager} aria-label="Pages">
      <IconButton label="Previous page" icon="back" size="small" onClick={onBack} disabledReason={page === 0 ? "This is the first page." : undefined} />
      Page {page + 1}
      <IconButton label="Next page" icon="forward" size="small" onClick={onNext} disabledReason={more ? undefined : "This is the last page."} />
    </nav>
  );
}
