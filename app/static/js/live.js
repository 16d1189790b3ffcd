/* Keeps the progress of a job up to date; without it, the page's link “Refresh” does. */
(() => {
  "use strict";

  const SECONDS = 2;
  const find = (page) => page.querySelector("[data-live]");

  const look = async () => {
    const shown = find(document);
    if (document.hidden) return;
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (!answer.ok && answer.status >= 500) return;
      const fresh = find(new DOMParser().parseFromString(await answer.text(), "text/html"));
      /* Another state has other buttons and another headline; so has the page that asks to sign in. */
      if (!fresh || fresh.dataset.live !== shown.dataset.live) location.reload();
      else shown.replaceChildren(...fresh.childNodes);
    } catch {
      /* No connection at the moment: the next look may have one. */
    }
  };

  setInterval(look, SECONDS * 1000);
})();
