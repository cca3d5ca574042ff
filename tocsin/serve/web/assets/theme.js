// Runs before the page is painted: follows the system where the visitor chose no theme.
"use strict";
(() => {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => {
    if (root.dataset.theme === "auto") {
      root.dataset.bsTheme = system.matches ? "dark" : "light";
    }
  };
  follow();
  system.addEventListener("change", () => {
    follow();
    document.dispatchEvent(new Event("tocsin:theme"));
  });
})();
