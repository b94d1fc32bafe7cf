// Predictions are made before what they are about is seen (course lessons, in JupyterLab).
//
// A cell of text whose metadata hold a `prediction` gets a form. Until it is filled in, what comes after it in its
// section is covered: the outputs of the code right below it, and all cells behind that. The notebook itself is not
// touched, so it stays equal to the one that came with the course: an update meets no change, and pages without this
// script (GitHub, nbconvert) show everything, with the answer folded. What was predicted is kept in this browser only.
const PREFIX = "delivered-twice:predictions:";
const STYLE = `
.rd-covered { display: none !important; }
.rd-covered-output > .jp-Cell-outputWrapper { display: none !important; }
.rd-guarded .jp-RenderedHTMLCommon > details:last-child { display: none; }
.rd-predict { margin: 4px 8px 12px 72px; padding: 10px 14px; border: 1px solid var(--jp-border-color1, #888); border-left: 5px solid #0550ae; border-radius: 4px; background: var(--jp-layout-color1, #fff); color: var(--jp-content-font-color1, #111); font: 14px/1.5 var(--jp-content-font-family, system-ui, sans-serif); max-width: 46em; }
body[data-jp-theme-light="false"] .rd-predict { border-left-color: #79b8ff; }
.rd-predict fieldset { border: 0; margin: 0 0 8px; padding: 0; min-width: 0; }
.rd-predict legend { font-weight: bold; padding: 0; margin-bottom: 2px; }
.rd-predict label { display: block; padding: 2px 0; }
.rd-predict input { margin: 0 6px 0 0; accent-color: #0550ae; }
.rd-predict input[type=text] { font: 14px/1.4 "DejaVu Sans Mono", ui-monospace, monospace; width: min(22em, 100%); padding: 3px 6px; border: 1px solid var(--jp-border-color0, #666); border-radius: 3px; background: var(--jp-input-background, transparent); color: inherit; box-sizing: border-box; }
.rd-predict button { font: inherit; color: inherit; background: var(--jp-layout-color2, #eee); border: 1px solid var(--jp-border-color0, #666); border-radius: 4px; padding: 3px 12px; margin: 2px 8px 2px 0; cursor: pointer; }
.rd-predict button.rd-plain { border-color: transparent; background: none; text-decoration: underline; padding: 3px 2px; }
.rd-predict :focus-visible { outline: 3px solid #0550ae; outline-offset: 1px; }
body[data-jp-theme-light="false"] .rd-predict :focus-visible { outline-color: #79b8ff; }
.rd-predict p { margin: 0 0 6px; }
.rd-predict .rd-note { margin-top: 6px; color: var(--jp-content-font-color1, #111); }
`;

const make = (name, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

/** Text with `code` in it, as nodes. */
const rich = (text) => String(text).split("`").map((part, place) => (place % 2 ? make("code", {}, part) : part));

const without = (text) => String(text).replace(/\s+/g, "");

const list = (texts) => (texts.length ? texts.join("; ") : "none of them");

/** What one field's prediction has to say beside its answer: the difference, in words. */
export function difference(field, given) {
  const { kind, options = [], answer } = field;
  if (kind === "choice") {
    if (given === answer) return `As you predicted: ${options[answer]}.`;
    return `You predicted: ${options[given]}. It is: ${options[answer]}.`;
  }
  if (kind === "several") {
    const named = (places) => list(places.map((place) => options[place]));
    const extra = given.filter((place) => !answer.includes(place));
    const missing = answer.filter((place) => !given.includes(place));
    if (!extra.length && !missing.length) return `As you predicted: ${named(answer)}.`;
    const parts = [extra.length ? `not ${named(extra)}` : "", missing.length ? `but also ${named(missing)}` : ""];
    return `You predicted: ${named(given)}. It is: ${named(answer)} (${parts.filter(Boolean).join(", ")}).`;
  }
  if (kind === "number") {
    const [said, is] = [Number(given), Number(answer)];
    if (said === is) return `As you predicted: ${answer}.`;
    const off = Math.round(Math.abs(said - is) * 1e6) / 1e6;
    return `You predicted ${given}. It is ${answer}: ${off} ${said < is ? "more" : "less"}.`;
  }
  if (without(given) === without(answer)) return `As you predicted: ${answer}.`;
  return `You predicted ${given}. One that does it: ${answer}.`;
}

/** Inputs for one field; `read` gives what was entered, null where nothing usable was. */
function inputs(field, name) {
  const { kind, label, options = [] } = field;
  const set = make("fieldset", {}, make("legend", {}, ...rich(label)));
  if (kind === "choice" || kind === "several") {
    const boxes = options.map((option) => {
      const box = make("input", { type: kind === "choice" ? "radio" : "checkbox", name });
      set.append(make("label", {}, box, ...rich(option)));
      return box;
    });
    let none = null;
    if (kind === "several") {
      none = make("input", { type: "checkbox", name });
      set.append(make("label", {}, none, "none of them"));
    }
    const read = () => {
      const chosen = boxes.flatMap((box, place) => (box.checked ? [place] : []));
      if (kind === "choice") return chosen.length ? chosen[0] : null;
      return chosen.length || none.checked ? chosen : null;
    };
    return { set, read, want: kind === "choice" ? "Choose one." : "Choose those that fit, or none of them." };
  }
  const box = make("input", { type: "text", autocomplete: "off", spellcheck: false });
  box.setAttribute("aria-label", label);
  set.append(box);
  if (kind === "number") {
    box.inputMode = "decimal";
    const read = () => (/^[-+−]?[\d ,_]*\.?\d+$/.test(box.value.trim()) ? box.value.trim().replace(/[ ,_]/g, "").replace("−", "-") : null);
    return { set, read, want: "Write a number." };
  }
  return { set, read: () => box.value.trim() || null, want: "Write a schedule, such as AA A! or A +A BB." };
}

class Predictions {
  constructor(panel) {
    this.panel = panel;
    this.forms = new Map();
    const model = panel.content.model;
    let waiting = 0;
    model.contentChanged.connect(() => {
      clearTimeout(waiting);
      waiting = setTimeout(() => this.refresh(), 100);
    });
    model.cells?.changed.connect(() => this.refresh());
    panel.content.activeCellChanged.connect(() => this.keepInSight());
    this.refresh();
    panel.revealed?.then(() => this.refresh());
  }

  get key() {
    return PREFIX + this.panel.context.path;
  }

  get made() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return this.kept ?? {};
    }
  }

  set made(value) {
    this.kept = value;
    try {
      localStorage.setItem(this.key, JSON.stringify(value));
    } catch {
      // A browser that keeps nothing: until the page is left it is known here.
    }
    this.refresh();
  }

  cells() {
    return this.panel.content.widgets.map((cell) => ({
      cell,
      type: cell.model.type,
      id: cell.model.id,
      source: cell.model.sharedModel?.getSource() ?? "",
      prediction: cell.model.type === "markdown" ? cell.model.getMetadata("redelivery")?.prediction : undefined,
    }));
  }

  refresh() {
    if (this.panel.isDisposed) return;
    const cells = this.cells();
    const made = this.made;
    let open = null;
    let direct = false;
    this.open = null;
    for (const one of cells) {
      const { cell, type, id, source, prediction } = one;
      if (open && type === "markdown" && /^##? /.test(source)) open = null;
      if (open && type !== "code") direct = false;
      const whole = Boolean(open) && !direct;
      cell.node.classList.toggle("rd-covered", whole);
      cell.node.classList.toggle("rd-covered-output", Boolean(open) && direct);
      if (!prediction) continue;
      cell.node.classList.add("rd-guarded");
      const known = made.all ? { shown: true } : made[id];
      this.form(one, known);
      if (!open && !known) {
        open = cell;
        direct = true;
        this.open ??= cell;
      }
    }
  }

  form({ cell, id, prediction }, known) {
    const state = JSON.stringify([prediction, known ?? null]);
    const old = this.forms.get(id);
    if (old?.state === state && old.element.parentNode === cell.node) return;
    old?.element.remove();
    const element = known ? this.told(id, prediction, known) : this.asked(id, prediction);
    element.dataset.lmSuppressShortcuts = "true";
    for (const kind of ["dblclick", "keydown"]) element.addEventListener(kind, (event) => event.stopPropagation());
    cell.node.append(element);
    this.forms.set(id, { state, element });
  }

  asked(id, prediction) {
    const fields = prediction.fields.map((field, place) => inputs(field, `rd-${id}-${place}`));
    const note = make("p", { className: "rd-note" }, "What comes next is covered until you have made your prediction.");
    note.setAttribute("role", "status");
    const give = make("button", { type: "submit" }, "That is my prediction");
    const skip = make("button", { type: "button", className: "rd-plain" }, "Show me");
    const all = make("button", { type: "button", className: "rd-plain" }, "Uncover the whole lesson");
    const form = make("form", { className: "rd-predict rd-asked" }, ...fields.map((field) => field.set), give, skip, all, note);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = fields.map((field) => field.read());
      const empty = given.findIndex((value) => value === null);
      if (empty >= 0) {
        note.textContent = fields[empty].want;
        fields[empty].set.querySelector("input").focus();
        return;
      }
      this.settle(id, { given });
    });
    skip.addEventListener("click", () => this.settle(id, { shown: true }));
    all.addEventListener("click", () => {
      this.made = { ...this.made, all: true };
    });
    return form;
  }

  settle(id, value) {
    this.made = { ...this.made, [id]: value };
    const again = this.forms.get(id)?.element;
    again?.querySelector("[role=status]")?.focus({ preventScroll: true });
  }

  told(id, prediction, known) {
    const box = make("div", { className: "rd-predict rd-told" });
    const said = make("div", { tabIndex: -1 });
    said.setAttribute("role", "status");
    if (known.given) {
      prediction.fields.forEach((field, place) => {
        const text = difference(field, known.given[place]);
        const label = prediction.fields.length > 1 ? `${field.label} ` : "";
        said.append(make("p", {}, make("strong", {}, ...rich(label)), ...rich(text)));
      });
      said.append(make("p", {}, ...rich(prediction.says)));
    } else {
      said.append(make("p", {}, "Shown without a prediction."));
    }
    const again = make("button", { type: "button", className: "rd-plain" }, this.made.all ? "Cover what is not predicted yet" : known.given ? "Predict again" : "Predict after all");
    again.addEventListener("click", () => {
      const { all, [id]: gone, ...rest } = this.made;
      this.made = all ? { ...rest, ...(gone ? { [id]: gone } : {}) } : rest;
    });
    box.append(said, again);
    return box;
  }

  /** Shift+Enter leads to the cell below; where that is covered, back to the question. */
  keepInSight() {
    const notebook = this.panel.content;
    if (!notebook.activeCell?.node.classList.contains("rd-covered")) return;
    let place = notebook.activeCellIndex;
    while (place > 0 && !notebook.widgets[place].node.querySelector(":scope > .rd-asked")) place -= 1;
    setTimeout(() => {
      notebook.activeCellIndex = place;
      const first = notebook.widgets[place].node.querySelector(":scope > .rd-asked input");
      first?.focus();
    }, 0);
  }
}

/** Watches all notebooks that are open, and those that will be. */
export function watch(app) {
  if (!document.getElementById("rd-predict-style")) document.head.append(make("style", { id: "rd-predict-style" }, STYLE));
  const watched = new WeakSet();
  const begin = (panel) => {
    if (watched.has(panel) || !panel.content.model?.contentChanged) return;
    watched.add(panel);
    new Predictions(panel);
  };
  const look = () => {
    for (const panel of app.shell.widgets("main")) {
      if (!panel.content?.activeCellChanged || !panel.content.modelChanged) continue;
      begin(panel);
      if (!watched.has(panel)) panel.content.modelChanged.connect(() => begin(panel));
    }
  };
  app.shell.layoutModified?.connect(look);
  app.shell.currentChanged?.connect(look);
  app.restored.then(look);
}
