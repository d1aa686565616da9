/** Names the page in the browser's tab, and tells screen readers that it changed. */
import { useEffect } from "react";

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Millwright`;
  }, [title]);
}
