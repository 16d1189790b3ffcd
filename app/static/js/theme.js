/* Light or dark, as the system says or as this person chose. It runs before the first paint, so nothing flashes. */
(() => {
  "use strict";

  const KEY = "rollcall-theme";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  /* Storage may be forbidden; then the choice lasts as long as the page. */
  let chosen = "system";
  try {
    chosen = localStorage.getItem(KEY) || "system";
  } catch {
    chosen = "system";
  }

  const apply = () => {
    const isDark = chosen === "dark" || (chosen !== "light" && dark.matches);
    root.dataset.bsTheme = isDark ? "dark" : "light";
  };

  const choose = (value) => {
    chosen = value;
    try {
      if (value === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, value);
    } catch {
      /* See above. */
    }
    apply();
  };

  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    chosen = event.newValue || "system";
    apply();
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const group of document.querySelectorAll("[data-theme-choice]")) {
      group.hidden = false;
      for (const radio of group.querySelectorAll("input")) {
        radio.checked = radio.value === chosen;
        radio.addEventListener("change", () => choose(radio.value));
      }
    }
  });
})();
