/* Look-up fields: a select that holds only its present value becomes a box that asks the server while one types.
   Without this file the select posts its present value. */
(() => {
  "use strict";

  const texts = document.body.dataset;

  const ask = async (url, query) => {
    const address = new URL(url, window.location.href);
    address.searchParams.set("query", query);
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    return (await answer.json()).map(([id, label]) => ({ value: String(id), text: String(label) }));
  };

  const line = (words) => {
    const element = document.createElement("div");
    element.className = "no-results";
    element.textContent = words;
    return element;
  };

  /* Tom Select makes a text box of its own; what a screen reader is told about the select has to be told about that. */
  const describe = (select, box) => {
    for (const name of ["aria-describedby", "aria-invalid"]) {
      if (select.hasAttribute(name)) box.setAttribute(name, select.getAttribute(name));
    }
    if (select.required) box.setAttribute("aria-required", "true");
    const list = document.getElementById(box.getAttribute("aria-controls"));
    const label = select.labels[0] || document.querySelector(`label[for="${box.id}"]`);
    if (list && label) list.setAttribute("aria-label", label.textContent.trim());
  };

  const addClearButton = (select, chooser) => {
    const label = document.querySelector(`label[for="${chooser.control_input.id}"]`);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "lookup-clear";
    button.setAttribute("aria-label", `${texts.textClear}${label ? `: ${label.textContent.trim()}` : ""}`);
    button.addEventListener("click", () => {
      chooser.clear();
      chooser.focus();
    });
    const show = () => {
      button.hidden = !chooser.getValue();
    };
    chooser.on("change", show);
    show();
    chooser.wrapper.append(button);
  };

  /* Replace what is listed by what the server answered; its order counts, as it knows about accents and word order. */
  const list = (chooser, options) => {
    const kept = chooser.getValue();
    for (const value of Object.keys(chooser.options)) {
      if (value !== kept) chooser.removeOption(value, true);
    }
    return new Map(options.map((option, place) => [option.value, place]));
  };

  const enhance = (select) => {
    let failed = false;
    let places = new Map();
    let answered = null; // the text that `places` answers
    const { required } = select;

    const chooser = new TomSelect(select, {
      maxItems: 1,
      maxOptions: 50,
      create: false,
      searchField: [],
      refreshThrottle: 0,
      loadThrottle: 150,
      closeAfterSelect: true,
      shouldLoad: () => true,
      score: () => (option) => (places.has(option.value) ? 1 / (1 + places.get(option.value)) : 0),
      load: async (query, done) => {
        let options = null;
        try {
          options = await ask(select.dataset.lookupUrl, query);
        } catch {
          options = null;
        }
        if (query !== chooser.inputValue()) {
          done(); // a later question is on its way
          return;
        }
        failed = options === null;
        places = list(chooser, options || []);
        answered = query;
        done(options || []);
      },
      render: {
        no_results: () => line(failed ? texts.textFailed : texts.textNothing),
        loading: () => line(texts.textLoading),
      },
    });

    /* The same text is asked again, as what was listed for it is gone by then. */
    chooser.canLoad = () => true;
    chooser.on("focus", () => chooser.load(""));

    /* Enter takes the marked entry only when it belongs to the text that stands there: somebody who types faster than
       the server answers would otherwise choose a person they never saw. */
    const canSelect = chooser.canSelect.bind(chooser);
    chooser.canSelect = (option) => answered === chooser.inputValue() && canSelect(option);
    chooser.control_input.addEventListener("input", () => {
      places = new Map();
    });
    chooser.control_input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && chooser.inputValue()) event.preventDefault();
    });

    describe(select, chooser.control_input);
    select.required = false; // a browser can't point at a select that is hidden; the box has the ARIA state
    select.setAttribute("aria-hidden", "true");
    if (!required) addClearButton(select, chooser);
  };

  for (const select of document.querySelectorAll("select[data-lookup-url]")) enhance(select);
})();
