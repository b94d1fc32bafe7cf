// Shows a film (display/film.py) step by step, in JupyterLab and without a kernel: the notebook's output holds all of it.
// No build step: JupyterLab loads this file and asks it for its modules (module federation by hand).
// Everything that comes from a notebook is shown as text, never as HTML; only the static picture above goes through
// JupyterLab's own sanitizer.
(() => {
  const MEDIA_TYPE = "application/vnd.redelivery.film";
  const NO_RETURN = "Point of no return: no fault-free continuation from here ends right.";

  const STYLE = `
.rd-film { font-size: 14px; }
.rd-film button { font: inherit; color: #1b1f24; background: #f6f8fa; border: 1px solid #59636e; border-radius: 4px; padding: 3px 10px; margin: 4px 4px 4px 0; cursor: pointer; }
.rd-film button[disabled] { color: #59636e; cursor: default; border-style: dashed; }
.rd-film :focus-visible { outline: 3px solid #0550ae; outline-offset: 1px; }
.rd-stage { color: #1b1f24; background: #ffffff; border: 1px solid #59636e; border-radius: 6px; padding: 10px; margin-top: 6px; }
.rd-bar { display: flex; align-items: center; gap: 6px; flex-wrap: wrap; }
.rd-bar input { flex: 1; min-width: 160px; accent-color: #0550ae; }
.rd-say { margin: 8px 0; min-height: 2.8em; }
.rd-lost { font-weight: bold; color: #8a1023; }
.rd-side { display: flex; gap: 14px; flex-wrap: wrap; align-items: flex-start; }
.rd-side > div { min-width: 180px; }
.rd-steps { position: relative; max-height: 340px; overflow: auto; flex: 3 1 520px; border: 1px solid #d0d7de; }
.rd-steps table { width: 100%; }
.rd-film table { border-collapse: collapse; margin: 0; color: #1b1f24; background: #ffffff; font-size: 13px; }
.rd-film th, .rd-film td { text-align: left; padding: 2px 8px; border-bottom: 1px solid #d0d7de; white-space: pre-wrap; overflow-wrap: anywhere; vertical-align: top; font-family: "DejaVu Sans Mono", ui-monospace, monospace; font-size: 12.5px; color: #1b1f24; background: inherit; }
.rd-film th, .rd-steps td:first-child { white-space: nowrap; overflow-wrap: normal; }
.rd-steps tr.rd-done { background: #dbeafe; font-weight: bold; }
.rd-steps tr.rd-next { outline: 2px dashed #0550ae; outline-offset: -2px; }
.rd-steps tr.rd-later td { color: #59636e; }
.rd-steps tr.rd-fault td { background: #fff3d6; }
.rd-steps tr.rd-rule td { color: #8a1023; font-weight: bold; border-top: 2px dashed #8a1023; }
.rd-code { background: #f6f8fa; padding: 6px 0; margin: 0; max-height: 320px; overflow: auto; font-family: "DejaVu Sans Mono", ui-monospace, monospace; font-size: 12.5px; color: #1b1f24; }
.rd-code div { padding: 0 10px; white-space: pre; }
.rd-code .rd-here { background: #fff1a8; font-weight: bold; }
.rd-head { font-weight: bold; margin: 8px 0 4px; font-size: 13px; color: #1b1f24; }
.rd-new td { font-weight: bold; text-decoration: underline; }
.rd-gone td { text-decoration: line-through; color: #59636e; }`;

  const make = (name, properties = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in element && key !== "list") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };

  const words = (film, step) => `${film.processes[step.process] ?? "time"}: ${step.text}`;

  // The stage for one film, standing after `place` steps.
  function stage(film) {
    const steps = film.steps;
    let place = 0;
    const slider = make("input", { type: "range", min: 0, max: steps.length, value: 0, "aria-label": "Step" });
    const say = make("div", { className: "rd-say", role: "status" });
    const body = make("tbody");
    const list = make("div", { className: "rd-steps", tabIndex: 0, role: "region", "aria-label": "All steps" });
    const code = make("div", { className: "rd-code", tabIndex: 0, role: "region", "aria-label": "Your code" });
    const tables = make("div");
    const queue = make("ul", { style: "margin:0;padding-left:1.2em" });
    const button = (text, label, move) => {
      const made = make("button", { type: "button", "aria-label": label, title: label }, text);
      made.addEventListener("click", () => go(move()));
      return made;
    };
    const buttons = [
      button("|◀", "First step", () => 0),
      button("◀", "Step back", () => place - 1),
      button("▶", "Step forward", () => place + 1),
      button("▶|", "Last step", () => steps.length),
    ];

    const rows = steps.map((step) => {
      const cells = film.processes.map((_, p) =>
        make("td", {}, p === step.process ? (step.line ? `${step.line} │ ${step.text}` : step.text) : ""),
      );
      const state = step.state.map((value) => make("td", {}, value));
      const row = make("tr", {}, make("td", {}, `${step.number} ${step.mark}`), ...cells, ...state);
      if (step.fault) row.classList.add("rd-fault");
      row.addEventListener("click", () => go(step.number));
      return row;
    });
    const head = ["#", ...film.processes, ...film.columns].map((title) => make("th", { scope: "col" }, title));
    const width = head.length;
    rows.forEach((row, index) => {
      body.append(row);
      if (film.noReturn === index + 1) {
        body.append(make("tr", { className: "rd-rule" }, make("td", { colSpan: width }, NO_RETURN)));
      }
    });
    list.append(make("table", {}, make("thead", {}, make("tr", {}, ...head)), body));

    let shownFile = -1;
    const lines = [];
    const showCode = (file) => {
      if (file === shownFile || film.files[file] === undefined) return;
      shownFile = file;
      lines.length = 0;
      code.replaceChildren(
        ...film.files[file].lines.map((text, index) => {
          const line = make("div", {}, `${String(index + 1).padStart(3)}   ${text}`);
          lines.push(line);
          return line;
        }),
      );
    };

    const showTables = (now, before) => {
      const old = new Map((film.tables[before] ?? []).map(([name, content]) => [name, content.map((r) => r.join(" │ "))]));
      tables.replaceChildren(
        ...film.tables[now].flatMap(([name, content, more]) => {
          const was = old.get(name) ?? [];
          const is = content.map((row) => row.join(" │ "));
          const shown = content.map((row, index) => {
            const isNew = before !== now && !was.includes(is[index]);
            return make("tr", { className: isNew ? "rd-new" : "" }, make("td", {}, isNew ? "+" : ""), ...row.map((v) => make("td", {}, v)));
          });
          const gone = before === now ? [] : was.filter((row) => !is.includes(row));
          shown.push(...gone.map((row) => make("tr", { className: "rd-gone" }, make("td", {}, "−"), ...row.split(" │ ").map((v) => make("td", {}, v)))));
          if (!shown.length) shown.push(make("tr", {}, make("td", {}, "no rows")));
          if (more) shown.push(make("tr", {}, make("td", {}, `and ${more} more`)));
          return [make("div", { className: "rd-head" }, name), make("table", {}, make("tbody", {}, ...shown))];
        }),
      );
    };

    function go(wanted) {
      place = Math.max(0, Math.min(steps.length, wanted));
      const done = steps[place - 1];
      const next = steps[place];
      slider.value = place;
      const lost = film.noReturn !== null && place >= film.noReturn;
      const text = [
        done ? `Step ${place} of ${steps.length}. ${done.fault ? "Fault. " : ""}${words(film, done)}.` : `Before the first of ${steps.length} steps.`,
        done && done.prints ? ` It printed: ${done.prints}` : "",
        next ? ` Next: ${words(film, next)}.` : " This is the end.",
      ].join("");
      say.replaceChildren(text, ...(lost ? [make("div", { className: "rd-lost" }, NO_RETURN)] : []));
      slider.setAttribute("aria-valuetext", `${place} of ${steps.length}`);
      buttons[0].disabled = buttons[1].disabled = place === 0;
      buttons[2].disabled = buttons[3].disabled = place === steps.length;
      rows.forEach((row, index) => {
        row.classList.toggle("rd-done", index === place - 1);
        row.classList.toggle("rd-next", index === place);
        row.classList.toggle("rd-later", index >= place);
      });
      const row = rows[Math.min(place, rows.length - 1)];
      if (row) list.scrollTop = Math.max(0, row.offsetTop - list.clientHeight / 2);
      if (next && next.file !== null) showCode(next.file);
      lines.forEach((line, index) => {
        const here = Boolean(next) && next.file === shownFile && index + 1 === next.line;
        line.classList.toggle("rd-here", here);
        if (here) line.setAttribute("aria-current", "step");
        else line.removeAttribute("aria-current");
      });
      const now = done ?? film.first;
      const before = place > 1 ? steps[place - 2] : film.first;
      showTables(now.tables, before.tables);
      queue.replaceChildren(...now.queue.map((message) => make("li", {}, message)));
    }

    slider.addEventListener("input", () => go(Number(slider.value)));
    showCode(0);
    const legend = "Arrow keys move the slider; Home and End go to the first and the last step.";
    const element = make("div", { className: "rd-stage", "data-lm-suppress-shortcuts": "true", role: "group", "aria-label": `Step by step: ${film.title}` });
    const right = make("div", { style: "flex:2 1 320px" });
    if (film.files.length) right.append(make("div", { className: "rd-head" }, "Your code: the line that runs next"), code);
    if (film.first.queue.length) right.append(make("div", { className: "rd-head" }, "Messages"), queue);
    right.append(tables);
    element.append(make("div", { className: "rd-bar" }, ...buttons, slider), say, make("div", { className: "rd-side" }, list, right));
    element.append(make("div", { style: "color:#59636e;margin-top:6px" }, legend));
    element.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the notebook above takes arrow keys for its own
      const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (move === undefined || event.target === slider) return;
      event.preventDefault();
      go(place + move);
    });
    go(0);
    return { element, slider, go };
  }

  // The picture as it is stored, and a button that opens the stage below it.
  function show(host, film, picture) {
    if (!document.getElementById("rd-film-style")) {
      document.head.append(make("style", { id: "rd-film-style" }, STYLE));
    }
    host.classList.add("rd-film");
    host.replaceChildren();
    if (picture) host.append(picture);
    const open = make("button", { type: "button", "aria-expanded": "false" }, `▶ Step through it (${film.steps.length} steps)`);
    host.append(open);
    let opened = null;
    open.addEventListener("click", () => {
      if (opened) {
        opened.element.remove();
        opened = null;
      } else {
        opened = stage(film);
        host.append(opened.element);
        opened.slider.focus();
      }
      open.setAttribute("aria-expanded", String(Boolean(opened)));
    });
  }

  function extension(Widget) {
    class Film extends Widget {
      constructor(options) {
        super();
        this.sanitizer = options.sanitizer;
      }
      async renderModel(model) {
        const html = model.data["text/html"];
        let picture = null;
        if (html) {
          picture = document.createElement("div");
          picture.innerHTML = this.sanitizer.sanitize(Array.isArray(html) ? html.join("") : String(html));
        }
        const film = model.data[MEDIA_TYPE];
        show(this.node, JSON.parse(Array.isArray(film) ? film.join("") : film), picture);
      }
    }
    return {
      id: "delivered-twice:film",
      rendererFactory: { safe: true, mimeTypes: [MEDIA_TYPE], createRenderer: (options) => new Film(options) },
      rank: 0,
      dataType: "string",
    };
  }

  // A verdict says which run of which cell it judged (workspace/kernel.py). The kernel can't know of an edit that was not
  // run; here it is known, and a line below the verdict says so for as long as it is so.
  const JUDGED = /^Judged: the cell (\S+), run as \[(\d+)\]\./;

  function since(cells, found) {
    const isIts = (cell) => cell.model.id === found[1] || cell.model.getMetadata?.("nbgrader")?.grade_id === found[1];
    const cell = cells.find((one) => one.model.type === "code" && isIts(one));
    if (!cell) return "";
    if (cell.model.isDirty) return `The cell ${found[1]} has been edited since, and not run: this verdict is not about what it says now. Run it, then check again.`;
    const count = cell.model.executionCount;
    if (count !== null && count !== Number(found[2])) return `The cell ${found[1]} has been run again since, as [${count}]. Check again.`;
    return "";
  }

  function compare(panel) {
    for (const line of panel.node.querySelectorAll(".jp-OutputArea-output div")) {
      if (line.children.length || !JUDGED.test(line.textContent)) continue;
      const said = since(panel.content.widgets, JUDGED.exec(line.textContent));
      const shown = line.nextElementSibling?.classList.contains("rd-since") ? line.nextElementSibling : null;
      if (shown && shown.textContent === said) continue;
      shown?.remove();
      const style = "color:#8a1023;background:#fdecee;font-weight:bold;padding:2px 6px;margin-top:4px";
      if (said) line.after(make("div", { className: "rd-since", role: "status", style }, said));
    }
  }

  // The notebooks that are open are known by their shape: the type's own token is not to be had without a build.
  function watchNotebooks(app) {
    const watched = new WeakSet();
    const look = () => {
      for (const panel of app.shell.widgets("main")) {
        const model = panel.content?.model;
        if (!model?.contentChanged || !panel.content.widgets || watched.has(model)) continue;
        watched.add(model);
        let waiting = 0;
        model.contentChanged.connect(() => {
          clearTimeout(waiting);
          waiting = setTimeout(() => compare(panel), 200);
        });
      }
    };
    app.shell.layoutModified.connect(look);
    app.shell.currentChanged?.connect(look);
    app.restored.then(look);
  }

  let shared = {};
  (window._JUPYTERLAB = window._JUPYTERLAB || {})["delivered-twice"] = {
    show, // for a page of its own, without JupyterLab
    init: (scope) => {
      shared = scope;
    },
    get: async (name) => {
      if (name === "./extension") {
        const plugin = { id: "delivered-twice:judged", autoStart: true, activate: watchNotebooks };
        return () => ({ __esModule: true, default: plugin });
      }
      if (name !== "./mimeExtension") throw new Error(`there is no module ${name}`);
      const versions = Object.values(shared["@lumino/widgets"]);
      const { Widget } = (await versions[0].get())();
      return () => ({ __esModule: true, default: extension(Widget) });
    },
  };
})();
