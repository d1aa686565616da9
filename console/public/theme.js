// Sets the theme before the first paint and follows the system until somebody chooses. It is a file of its own, so
// that a strict content security policy holds. src/hooks/useTheme.ts writes the choice and calls the same function.
(function () {
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function apply() {
    var chosen = null;
    try {
      chosen = localStorage.getItem("millwright.theme");
    } catch {
      // Storage is blocked: the system's preference stands.
    }
    var theme = chosen === "light" || chosen === "dark" ? chosen : dark.matches ? "dark" : "light";
    document.documentElement.dataset.theme = theme;
    window.dispatchEvent(new Event("millwright-theme"));
  }
  dark.addEventListener("change", apply);
  window.millwrightApplyTheme = apply;
  apply();
})();
