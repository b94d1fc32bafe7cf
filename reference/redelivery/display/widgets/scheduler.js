// Break it yourself: the stage, and what may happen now as buttons. The kernel answers each press with a new position
// (scheduler.py). The stage itself comes before this file: it is display/lab/static/film.js, word for word.
const make = (name, properties = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
};

// Milliseconds after which somebody who waits for the kernel is told what may have happened.
const PATIENCE = 4000;
const GONE = "No answer from the kernel so far. If it was restarted, run this cell again (and the cells above that it needs); if it is busy with another cell, the answer comes after that.";

function render({ model, el }) {
  const { stage } = window.deliveredTwice;
  let count = model.get("position").answered ?? 0;
  let waiting = 0;
  const lost = make("div", { className: "rd-lost", role: "status" });
  const press = (what) => {
    count += 1;
    model.set("pressed", { do: what, count });
    model.save_changes();
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      lost.textContent = GONE;
    }, PATIENCE);
  };
  const verdict = make("div", { className: "rd-verdict", role: "status" });
  const steps = make("div", { role: "group", "aria-label": "Steps" });
  const faults = make("div", { role: "group", "aria-label": "Faults" });
  const undo = make("button", { type: "button" }, "Undo");
  const restart = make("button", { type: "button" }, "From the start");
  undo.addEventListener("click", () => press("undo"));
  restart.addEventListener("click", () => press("restart"));
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
  const title = make("div", { style: "font-weight:bold" });
  const happened = make("div");
  const root = make("div", { className: "rd-widget rd-film", role: "group", "aria-label": "Break it yourself", "data-lm-suppress-shortcuts": "true" });
  root.append(
    title,
    verdict,
    make("fieldset", {}, make("legend", {}, "What happens next?"), steps, faults),
    lost,
    make("div", { className: "rd-row-of-buttons" }, undo, restart, make("label", {}, "Schedule ", field), copy, copied),
    happened,
  );
  root.addEventListener("keydown", (event) => event.stopPropagation());

  const choice = (one) => {
    const button = make("button", { type: "button", className: one.fault ? "rd-fault" : one.lane >= 0 ? `rd-lane${one.lane % 4}` : "" }, `${one.label} `, make("code", {}, one.text));
    button.dataset.text = one.text;
    button.addEventListener("click", () => press(one.text));
    return button;
  };

  let shown = null;
  const update = () => {
    const position = model.get("position");
    const focused = document.activeElement?.dataset?.text ?? null;
    const had = root.contains(document.activeElement);
    const onStrip = Boolean(shown?.element.contains(document.activeElement));
    clearTimeout(waiting);
    lost.textContent = "";
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
    // One step further is shown as a step; anything else as it is.
    const number = position.film.steps.length;
    const further = shown !== null && number === shown.count + 1;
    shown = stage(position.film, { live: true, from: further ? number - 1 : number });
    happened.replaceChildren(shown.element);
    shown.go(number);
    if (onStrip) shown.strip.focus();
    else if (had && !root.contains(document.activeElement)) {
      const all = [...moves, ...bad];
      const same = all.find((button) => button.dataset.text === focused);
      (same ?? all[0] ?? undo).focus();
    }
  };
  model.on("change:position", update);
  el.append(root);
  update();
  return () => {
    clearTimeout(waiting);
    model.off("change:position", update);
  };
}

export default { render };
