/** How wide an element is now, in pixels. */
import { useCallback, useState } from "react";

export function useWidth(first: number): [(element: HTMLElement | null) => (() => void) | undefined, number] {
  const [width, setWidth] = useState(first);
  const ref = useCallback((element: HTMLElement | null) => {
    if (!element) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.max(200, Math.floor(entry?.contentRect.width ?? 0))));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [ref, width];
}
