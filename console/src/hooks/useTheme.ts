/** The chosen theme: the system's until somebody picks one. */
import { useSyncExternalStore } from "react";

export type Theme = "light" | "dark";

declare global {
  interface Window {
    millwrightApplyTheme?: () => void;
  }
}

function subscribe(changed: () => void) {
  window.addEventListener("millwright-theme", changed);
  return () => window.removeEventListener("millwright-theme", changed);
}

/** The theme that is shown now. */
export function currentTheme(): Theme {
  return document.documentElement.dataset.theme === "dark" ? "dark" : "light";
}

export function useTheme(): [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore(subscribe, currentTheme);
  return [theme, chooseTheme];
}

function chooseTheme(theme: Theme) {
  try {
    localStorage.setItem("millwright.theme", theme);
  } catch {
    // Storage is blocked: the choice cannot be kept.
  }
  window.millwrightApplyTheme?.();
}
