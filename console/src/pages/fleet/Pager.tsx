/** Steps through pages of a list that is all here. */
import { IconButton } from "../../ui/Button";
import styles from "./Fleet.module.css";

export function Pager({ page, pages, onPage }: { page: number; pages: number; onPage: (page: number) => void }) {
  if (pages < 2) return null;
  return (
    <nav className={styles.pager} aria-label="Pages">
      <IconButton label="Previous page" icon="back" size="small" onClick={() => onPage(Math.max(0, page - 1))} disabledReason={page === 0 ? "This is the first page." : undefined} />
      Page {page + 1} of {pages}
      <IconButton label="Next page" icon="forward" size="small" onClick={() => onPage(Math.min(pages - 1, page + 1))} disabledReason={page === pages - 1 ? "This is the last page." : undefined} />
    </nav>
  );
}
