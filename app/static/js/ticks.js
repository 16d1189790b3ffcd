/* Ticks in a list: one box for the whole page, and how many there are. */
(() => {
  "use strict";

  for (const form of document.querySelectorAll("form[data-ticks]")) {
    const all = form.querySelector("[data-tick-all]");
    const scope = form.elements.scope;
    const option = scope.querySelector("[data-text]");
    const plain = option.textContent;
    const boxes = [...form.querySelectorAll("tbody input[name=ids]")];

    const show = () => {
      const count = boxes.filter((box) => box.checked).length;
      all.checked = count === boxes.length;
      all.indeterminate = count > 0 && count < boxes.length;
      option.textContent = count ? option.dataset.text.replace("{count}", String(count)) : plain;
    };

    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
    });
    form.addEventListener("change", (event) => {
      if (event.target === scope) return;
      scope.value = "ticked";
      show();
    });
    /* Coming back, the browser ticks again what was ticked. */
    window.addEventListener("pageshow", show);
  }
})();
