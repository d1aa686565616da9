/** Switches between light and dark. */
import { useTheme } from "../hooks/useTheme";
import { IconButton } from "./Button";

export function ThemeToggle({ className }: { className?: string | undefined }) {
  const [theme, choose] = useTheme();
  const other = theme === "dark" ? "light" : "dark";
  return <IconButton className={className} icon={theme === "dark" ? "sun" : "moon"} label={`Use the ${other} theme`} onClick={() => choose(other)} />;
}
