// Break it yourself: what may happen now, as buttons. The kernel answers each press with a new position (scheduler.py).
const make = (name, properties = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};

function table(film) {
  const head = ["#", ...film.processes, ...film.columns].map((title) => make("th", { scope: "col" }, title));
  const rows = film.steps.map((step) => {
    const cells = film.processes.map((_, p) =>
      make("td", {}, p === step.process ? (step.line ? `${step.line} │ ${step.text}` : step.text) : ""),
    );
    return make(
      "tr",
      { className: step.fault ? "rd-fault" : "" },
      make("td", {}, `${step.number} ${step.mark}`),
      ...cells,
      ...step.state.map((value) => make("td", {}, value)),
    );
  });
  const empty = make("tr", {}, make("td", { colSpan: head.length }, "Nothing has happened yet."));
  return make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...(rows.length ? rows : [empty])));
}

function render({ model, el }) {
  let count = 0;
  const press = (what) => {
    count += 1;
    model.set("pressed", { do: what, count });
    model.save_changes();
  };
  const verdict = make("div", { className: "rd-verdict", role: "status" });
  const steps = make("div", { role: "group", "aria-label": "Steps" });
  const faults = make("div", { role: "group", "aria-label": "Faults" });
  const back = make("div");
  const undo = make("button", { type: "button" }, "Undo");
  const restart = make("button", { type: "button" }, "From the start");
  undo.addEventListener("click", () => press("undo"));
  restart.addEventListener("click", () => press("restart"));
  back.append(undo, restart);
  const field = make("input", { type: "text", readOnly: true, "aria-label": "The schedule so far" });
  const copy = make("button", { type: "button" }, "Copy the schedule");
  const copied = make("span", { role: "status" });
  copy.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      copied.textContent = " copied";
    } catch {
      copied.textContent = " selected: copy it with Ctrl+C";
    }
  });
  const happened = make("div");
  const title = make("div", { style: "font-weight:bold" });
  const root = make("div", { className: "rd-widget", role: "group", "aria-label": "Break it yourself", "data-lm-suppress-shortcuts": "true" });
  root.append(
    title,
    verdict,
    make("fieldset", {}, make("legend", {}, "What happens next?"), steps, faults),
    back,
    make("div", { style: "margin-top:6px" }, make("label", {}, "Schedule ", field), " ", copy, copied),
    happened,
  );
  root.addEventListener("keydown", (event) => event.stopPropagation());

  const choice = (one) => {
    const button = make("button", { type: "button", className: one.fault ? "rd-fault" : "" }, `${one.label} `, make("code", {}, one.text));
    button.dataset.text = one.text;
    button.addEventListener("click", () => press(one.text));
    return button;
  };

  const update = () => {
    const position = model.get("position");
    const focused = document.activeElement?.dataset?.text ?? null;
    const had = root.contains(document.activeElement);
    title.textContent = position.title;
    verdict.textContent = position.verdict;
    verdict.classList.toggle("rd-broken", position.broken);
    const moves = position.choices.filter((one) => !one.fault).map(choice);
    const bad = position.choices.filter((one) => one.fault).map(choice);
    steps.replaceChildren("Steps: ", ...(moves.length ? moves : ["none, the run is over"]));
    faults.replaceChildren("Faults: ", ...(bad.length ? bad : ["none left, or none possible here"]));
    undo.disabled = restart.disabled = position.schedule === "";
    field.value = position.schedule;
    copied.textContent = "";
    happened.replaceChildren(table(position.film));
    if (had && !root.contains(document.activeElement)) {
      const all = [...moves, ...bad];
      const same = all.find((button) => button.dataset.text === focused);
      (same ?? all[0] ?? undo).focus();
    }
  };
  model.on("change:position", update);
  el.append(root);
  update();
  return () => model.off("change:position", update);
}

export default { render };
