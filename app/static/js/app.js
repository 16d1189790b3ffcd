/* Small comforts; every page works without them. */
(() => {
  "use strict";

  const texts = document.body.dataset;

  /* What a form would post, to tell whether somebody changed it. */
  const state = (form) => new URLSearchParams([...new FormData(form)].map(([k, v]) => [k, String(v)])).toString();

  /* A date that was typed in part is posted as empty and would be lost in silence. */
  const halfTyped = (form) => [...form.elements].find((control) => control.validity && control.validity.badInput);

  const guardAgainstDoubleSubmit = () => {
    document.addEventListener("submit", (event) => {
      const form = event.target;
      if (event.defaultPrevented || form.method !== "post") return;
      const control = halfTyped(form);
      if (control) {
        event.preventDefault();
        control.reportValidity();
      } else if (form.dataset.sending) {
        event.preventDefault();
      } else {
        form.dataset.sending = "yes";
        event.submitter?.setAttribute("aria-disabled", "true");
      }
    });
    /* Coming back with the browser's back button shows the page as it was left. */
    window.addEventListener("pageshow", () => {
      for (const form of document.querySelectorAll("form[data-sending]")) delete form.dataset.sending;
      for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
    });
  };

  const warnAboutUnsavedChanges = () => {
    const forms = [...document.querySelectorAll("form[data-unsaved]")];
    if (!forms.length) return;
    const before = new Map(forms.map((form) => [form, state(form)]));
    /* A form that came back with errors holds text that is saved nowhere. */
    const isDirty = (form) => !form.dataset.sending && (form.dataset.unsaved === "already" || state(form) !== before.get(form));
    for (const link of document.querySelectorAll("[data-discard]")) {
      link.addEventListener("click", () => forms.forEach((form) => (form.dataset.sending = "discarded")));
    }
    window.addEventListener("beforeunload", (event) => {
      if (forms.some(isDirty)) event.preventDefault();
    });
  };

  /* Empty filters stay out of the address, so that it can be read and shared. */
  const leaveOutEmptyFilters = () => {
    for (const form of document.querySelectorAll("form[data-short-address]")) {
      form.addEventListener("formdata", (event) => {
        for (const [name, value] of [...event.formData]) {
          if (value === "") event.formData.delete(name);
        }
      });
    }
  };

  const copyOnClick = () => {
    for (const button of document.querySelectorAll("[data-copy]")) {
      const source = document.querySelector(button.dataset.copy);
      const status = document.querySelector(button.dataset.status);
      button.hidden = false;
      button.addEventListener("click", async () => {
        source.select();
        try {
          await navigator.clipboard.writeText(source.value);
        } catch {
          /* Over plain http there is no clipboard; the text is selected, and the status says what to press. */
          status.textContent = texts.textPress;
          return;
        }
        status.textContent = texts.textCopied;
      });
    }
  };

  /* Who corrects their own side of a field that two people changed means that side. */
  const chooseWhatIsTyped = () => {
    for (const side of document.querySelectorAll("[data-side]")) {
      const radio = side.querySelector('[type="radio"]');
      for (const kind of ["input", "change"]) {
        side.addEventListener(kind, () => (radio.checked = true));
      }
    }
  };

  const moveFocusToErrors = () => {
    document.querySelector("[data-focus]")?.focus();
  };

  guardAgainstDoubleSubmit();
  warnAboutUnsavedChanges();
  leaveOutEmptyFilters();
  copyOnClick();
  chooseWhatIsTyped();
  moveFocusToErrors();
})();
