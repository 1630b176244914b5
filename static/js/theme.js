// Loaded before the page is drawn, so that a stored choice never flashes the other theme.
(() => {
  const key = "bordereau-theme";
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  root.classList.add("js");
  apply(stored());
  addEventListener("storage", (event) => event.key === key && apply(event.newValue));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-switch]");
    if (!button) return;
    const theme = isDark() ? "light" : "dark";
    apply(theme);
    button.setAttribute("aria-pressed", String(theme === "dark"));
    try {
      localStorage.setItem(key, theme);
    } catch {
      // Private windows refuse storage: the choice then holds for this page only.
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.setAttribute("aria-pressed", String(isDark()));
    }
  });
})();
