// Shows a film (display/film.py) step by step, in JupyterLab and without a kernel: the notebook's output holds all of it.
// No build step: JupyterLab loads this file and asks it for its modules (module federation by hand).
// Everything that comes from a notebook is shown as text, never as HTML; only the static picture above goes through
// JupyterLab's own sanitizer.
(() => {
  const MEDIA_TYPE = "application/vnd.redelivery.film";
  const HERE = document.currentScript?.src;
  const NO_RETURN = "Point of no return: no fault-free continuation from here ends right.";
  const HOPELESS = "No run ends right, not even one without faults.";

  // One colour a lane, here and in the picture (display/svg.py). In JupyterLab its theme decides, elsewhere the system's.
  const LIGHT = `--rd-paper:#ffffff;--rd-ink:#1b1f24;--rd-soft:#57606a;--rd-rule:#d0d7de;--rd-code:#f6f8fa;--rd-bad:#8a1023;
--rd-bad-paper:#fdecee;--rd-fault:#fff1d6;--rd-fault-ink:#7a3b00;--rd-good:#0b5d1e;--rd-good-paper:#e6f4ea;--rd-focus:#0550ae;
--rd-lane0:#dbe8fb;--rd-lane1:#dff0d8;--rd-lane2:#eadff8;--rd-lane3:#fbe6d3;--rd-soft0:#f1f6fd;--rd-soft1:#f2f9ef;--rd-soft2:#f7f2fc;--rd-soft3:#fdf5ed;color-scheme:light;`;
  const DARK = `--rd-paper:#0d1117;--rd-ink:#e6edf3;--rd-soft:#a3adb8;--rd-rule:#3d444d;--rd-code:#161b22;--rd-bad:#ff9aa8;
--rd-bad-paper:#3a1219;--rd-fault:#43320a;--rd-fault-ink:#ffcf8a;--rd-good:#7ee2a0;--rd-good-paper:#0f2e1a;--rd-focus:#79b8ff;
--rd-lane0:#173a68;--rd-lane1:#1c4a26;--rd-lane2:#45296a;--rd-lane3:#5c3514;--rd-soft0:#0f1d33;--rd-soft1:#10241a;--rd-soft2:#1e1530;--rd-soft3:#2a1c10;color-scheme:dark;`;
  const STYLE = `
.rd-film { ${LIGHT} font-size: 14px; }
@media screen and (prefers-color-scheme: dark) { body:not([data-jp-theme-light]) .rd-film { ${DARK} } }
@media screen { body[data-jp-theme-light="false"] .rd-film { ${DARK} } }
.rd-film button, .rd-film select { font: inherit; color: var(--rd-ink); background: var(--rd-code); border: 1px solid var(--rd-soft); border-radius: 4px; padding: 3px 9px; cursor: pointer; }
.rd-film > button { margin: 4px 4px 4px 0; }
.rd-film button[disabled] { color: var(--rd-soft); cursor: default; border-style: dashed; }
.rd-film :focus-visible { outline: 3px solid var(--rd-focus); outline-offset: 1px; }
.rd-picture { overflow-x: auto; }
.rd-picture svg { display: block; }
${["paper", "ink", "soft", "bad", "fault", "fault-ink", "soft0", "soft1", "soft2", "soft3"].map((name) => `.rd-picture .rd-${name} { fill: var(--rd-${name}); }`).join(" ")}
.rd-picture .rd-paper { stroke: var(--rd-rule); } .rd-picture .rd-under { stroke: var(--rd-ink); } .rd-picture .rd-cut { stroke: var(--rd-bad); } .rd-picture .rd-fault { stroke: var(--rd-fault-ink); }
.rd-stage { container-type: inline-size; color: var(--rd-ink); background: var(--rd-paper); border: 1px solid var(--rd-soft); border-radius: 6px; padding: 10px; margin-top: 6px; line-height: 1.4; font-family: var(--jp-ui-font-family, system-ui, sans-serif); }
.rd-bar { display: flex; align-items: center; gap: 5px; flex-wrap: wrap; }
.rd-strip { flex: 1 1 260px; display: flex; flex-wrap: wrap; gap: 2px; max-height: 108px; overflow-y: auto; padding: 3px; cursor: pointer; border-radius: 4px; }
.rd-tick { flex: 1 1 20px; min-width: 20px; max-width: 60px; height: 24px; box-sizing: border-box; line-height: 22px; text-align: center; overflow: hidden; white-space: nowrap; border: 1px solid var(--rd-rule); border-radius: 3px; font: 12px/22px "DejaVu Sans Mono", ui-monospace, monospace; color: var(--rd-ink); background: var(--rd-code); }
.rd-many .rd-tick { flex: 0 0 24px; }
.rd-tick.rd-fault { background: var(--rd-fault); color: var(--rd-fault-ink); border: 1px dashed var(--rd-fault-ink); }
.rd-tick.rd-off { background: var(--rd-bad); color: var(--rd-paper); border-color: var(--rd-bad); }
.rd-tick.rd-lost-after { border-right: 4px double var(--rd-bad); }
.rd-tick.rd-now { outline: 3px solid var(--rd-focus); outline-offset: -1px; font-weight: bold; }
.rd-tick.rd-later { background: transparent; border-style: dotted; }
.rd-say { margin: 8px 2px; min-height: 2.8em; overflow-wrap: anywhere; }
.rd-lost { font-weight: bold; color: var(--rd-bad); }
.rd-board { position: relative; display: grid; gap: 30px 40px; align-items: start; grid-template-columns: minmax(0, 1.12fr) minmax(0, .95fr) minmax(0, 1.12fr); grid-template-areas: "queue queue queue" "left store right"; padding-bottom: 4px; }
.rd-board.rd-one { grid-template-columns: minmax(0, 1.1fr) minmax(0, .9fr); grid-template-areas: "queue queue" "left store"; }
@container (max-width: 840px) {
  .rd-board { gap: 28px 22px; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); grid-template-areas: "queue queue" "left right" "store store"; }
}
@container (max-width: 520px) {
  .rd-board, .rd-board.rd-one { grid-template-columns: minmax(0, 1fr); grid-template-areas: "queue" "left" "right" "store"; }
  .rd-board.rd-one { grid-template-areas: "queue" "left" "store"; }
}
.rd-left { grid-area: left; display: grid; gap: 14px; } .rd-right { grid-area: right; display: grid; gap: 14px; }
.rd-box { border: 1px solid var(--rd-soft); border-radius: 6px; background: var(--rd-paper); min-width: 0; overflow: hidden; }
.rd-head { display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; font-weight: bold; padding: 4px 10px; border-bottom: 1px solid var(--rd-rule); min-height: 25px; }
.rd-queue { grid-area: queue; justify-self: center; min-width: min(270px, 100%); max-width: 100%; }
.rd-queue .rd-in { padding: 5px 10px; display: flex; gap: 6px; flex-wrap: wrap; min-height: 25px; align-items: center; }
.rd-store { grid-area: store; border-color: var(--rd-ink); }
.rd-store .rd-in { padding: 4px 10px 8px; overflow-x: auto; }
.rd-quiet { color: var(--rd-soft); font-weight: normal; }
.rd-envelope, .rd-coin { display: inline-block; font: bold 12px/20px "DejaVu Sans Mono", ui-monospace, monospace; border: 1.5px solid var(--rd-ink); border-radius: 4px; padding: 0 6px; background: var(--rd-paper); color: var(--rd-ink); max-width: 100%; box-sizing: border-box; overflow-wrap: anywhere; }
.rd-coin { border-radius: 11px; margin: 2px 4px 2px 0; }
.rd-envelope.rd-again, .rd-coin.rd-again { border: 1.5px dashed var(--rd-bad); color: var(--rd-bad); background: var(--rd-bad-paper); }
.rd-envelope.rd-old { border-style: dotted; }
.rd-coin.rd-over { text-decoration: line-through; border-style: dotted; }
.rd-coin.rd-plain { font-weight: normal; border-width: 1px; }
.rd-fly { position: absolute; left: 0; top: 0; z-index: 3; pointer-events: none; max-width: none; white-space: nowrap; }
.rd-code { margin: 0; max-height: 250px; overflow: auto; position: relative; font: 12.5px/1.5 "DejaVu Sans Mono", ui-monospace, monospace; color: var(--rd-ink); background: var(--rd-paper); padding: 3px 0; }
.rd-code div { position: relative; white-space: pre-wrap; overflow-wrap: anywhere; padding: 0 8px 0 7ch; text-indent: -2ch; border-left: 4px solid transparent; min-height: 1.5em; }
.rd-code span { position: absolute; left: 0; white-space: pre; text-indent: 0; }
.rd-code .rd-here { font-weight: bold; border-left-color: var(--rd-ink); }
.rd-code .rd-next { border-left-color: var(--rd-soft); }
.rd-note { margin: 6px 8px; padding: 3px 8px; border-left: 4px solid var(--rd-soft); background: var(--rd-code); overflow-wrap: anywhere; }
.rd-note.rd-against { border-left-color: var(--rd-bad); background: var(--rd-bad-paper); color: var(--rd-bad); }
.rd-foot { padding: 2px 10px 6px; color: var(--rd-soft); }
.rd-foot.rd-open { color: var(--rd-ink); font-weight: bold; }
.rd-store table { width: 100%; border-collapse: collapse; margin: 0 0 4px; color: var(--rd-ink); background: transparent; font-size: 13px; }
.rd-store caption { text-align: left; font-weight: bold; padding: 4px 0 1px; color: var(--rd-ink); caption-side: top; white-space: nowrap; }
.rd-store th, .rd-store td { text-align: left; padding: 0 12px 1px 0; font: 12.5px/1.5 "DejaVu Sans Mono", ui-monospace, monospace; color: var(--rd-ink); background: transparent; border: 0; vertical-align: baseline; white-space: nowrap; max-width: 15em; overflow: hidden; text-overflow: ellipsis; }
.rd-store th { color: var(--rd-soft); font-weight: normal; }
.rd-store .rd-new td { font-weight: bold; text-decoration: underline; }
.rd-store .rd-gone td { text-decoration: line-through; color: var(--rd-soft); }
.rd-store .rd-bad td { color: var(--rd-bad); font-weight: bold; }
.rd-store .rd-purse td { text-decoration: none; max-width: none; white-space: normal; } .rd-purse div { width: 0; min-width: 100%; }
.rd-store .rd-last { width: 100%; max-width: none; text-decoration: none; }
.rd-must { color: var(--rd-bad); font-weight: bold; white-space: nowrap; }
.rd-lines { position: absolute; inset: 0; width: 100%; height: 100%; pointer-events: none; overflow: visible; z-index: 2; }
.rd-lines path { fill: none; stroke: var(--rd-soft); stroke-width: 1.6; }
.rd-lines .rd-red { stroke: var(--rd-bad); }
.rd-lines .rd-dashed { stroke-dasharray: 6 4; }
.rd-lines polygon { fill: var(--rd-soft); } .rd-lines polygon.rd-red { fill: var(--rd-bad); stroke: none; }
.rd-lines text { font: bold 12px system-ui, sans-serif; fill: var(--rd-bad); paint-order: stroke; stroke: var(--rd-paper); stroke-width: 4px; }
.rd-legend { color: var(--rd-soft); margin-top: 8px; }
/* In JupyterLab's dark theme: verdicts, pictures that are images (they ask which scheme they are shown in), scroll bars. */
body[data-jp-theme-light="false"] .jp-NotebookPanel { color-scheme: dark; }
body[data-jp-theme-light="true"] .jp-NotebookPanel { color-scheme: light; }
body[data-jp-theme-light="false"] .rd-banner { color: #e6edf3 !important; background: #161b22 !important; }
body[data-jp-theme-light="false"] .rd-is-good { background: #0f2e1a !important; border-color: #7ee2a0 !important; }
body[data-jp-theme-light="false"] .rd-is-bad { background: #3a1219 !important; border-color: #ff9aa8 !important; }
body[data-jp-theme-light="false"] .rd-is-open { background: #43320a !important; border-color: #ffcf8a !important; }
body[data-jp-theme-light="false"] .rd-is-none { background: #161b22 !important; }
body[data-jp-theme-light="false"] .rd-is-good, body[data-jp-theme-light="false"] .rd-is-bad, body[data-jp-theme-light="false"] .rd-is-open, body[data-jp-theme-light="false"] .rd-is-none,
body[data-jp-theme-light="false"] .rd-headline, body[data-jp-theme-light="false"] .rd-rest { color: #e6edf3 !important; }
body[data-jp-theme-light="false"] .rd-excerpt { color: #e6edf3 !important; background: #0d1117 !important; }
body[data-jp-theme-light="false"] .rd-guilty { color: #e6edf3 !important; background: #6e1f2c !important; }
.rd-since { color: #8a1023; background: #fdecee; font-weight: bold; padding: 2px 6px; margin-top: 4px; }
@media print { .rd-bar button, .rd-bar select, .rd-legend, .rd-film > button { display: none; } .rd-code { max-height: none; } }
${[0, 1, 2, 3].map((n) => `.rd-lane${n} > .rd-head, .rd-tick.rd-lane${n}, .rd-lane${n} .rd-here { background: var(--rd-lane${n}); } .rd-lane${n} .rd-next { background: var(--rd-soft${n}); } .rd-coin.rd-lane${n} { background: var(--rd-lane${n}); }`).join("\n")}
.rd-tick.rd-off { background: var(--rd-bad); } .rd-tick.rd-later { background: transparent; } .rd-many .rd-tick { flex: 0 0 24px; }
.rd-tick.rd-fault { background: var(--rd-fault); }
.rd-coin.rd-again { background: var(--rd-bad-paper); }`;

  const SPEEDS = { slow: 2200, normal: 1200, fast: 500 };
  const SLIDE = 300;
  const SVG = "http://www.w3.org/2000/svg";

  const make = (name, properties = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in element && key !== "list") element[key] = value;
      else element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };

  const draw = (name, attributes, text = "") => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    return element;
  };

  const style = () => {
    if (!document.getElementById("rd-film-style")) document.head.append(make("style", { id: "rd-film-style" }, STYLE));
  };

  const words = (film, step) => `${step.kind === "time" ? "clock" : film.processes[step.process]}${step.line ? `, line ${step.line}` : ""}: ${step.text}`;
  const lane = (place) => `rd-lane${place % 4}`;
  const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

  const envelope = ([name, , again, old]) => {
    const title = old ? "delivered again since: no longer its own" : again ? "delivered before" : "";
    const shown = make("span", { className: "rd-envelope", title }, `✉ ${name}${again ? " again" : ""}`);
    shown.classList.toggle("rd-again", again);
    shown.classList.toggle("rd-old", old);
    return shown;
  };

  const coin = (film, [, , amount, message, process, step, again, over]) => {
    const by = film.letters.indexOf(process);
    const said = `${amount ? `${amount} ` : ""}${message ? `✉${message}` : process}`;
    const title = `${process}, step ${step}${over ? ", written over" : again ? `: ${message} once more` : ""}`;
    const shown = make("span", { className: "rd-coin", title }, `${said}${again ? " again" : ""}`);
    if (by >= 0) shown.classList.add(lane(by));
    shown.classList.toggle("rd-again", again);
    shown.classList.toggle("rd-over", over);
    shown.classList.toggle("rd-plain", !amount);
    return shown;
  };

  // The stage of one film. `live`: it ends where the run has got to, and more is to come.
  function stage(film, { live = false, from = 0, controls = null } = {}) {
    style();
    const steps = film.steps;
    let place = -1;
    let reached = live ? steps.length : 0;
    let playing = 0;
    const after = (number) => (number > 0 ? steps[number - 1] : film.first);

    // -- the strip
    const strip = make("div", { className: "rd-strip", tabIndex: 0, role: "slider", "aria-label": "Step", "aria-valuemin": 0, "aria-valuemax": steps.length, "aria-orientation": "horizontal" });
    const ticks = steps.map((step) => make("span", { className: "rd-tick" }));
    strip.append(...ticks);
    strip.classList.toggle("rd-many", steps.length > 24);
    ticks.forEach((tick, index) => tick.addEventListener("click", () => go(index + 1)));
    const button = (text, label, move) => {
      const made = make("button", { type: "button", "aria-label": label, title: label }, text);
      made.addEventListener("click", () => {
        stop();
        go(move());
      });
      return made;
    };
    const buttons = [
      button("|◀", "First step", () => 0),
      button("◀", "Step back", () => place - 1),
      button("▶", "Step forward", () => place + 1),
      button("▶|", "Last step", () => steps.length),
    ];
    const play = make("button", { type: "button" }, "Play");
    const speed = make("select", { "aria-label": "Speed" }, ...Object.keys(SPEEDS).map((name) => make("option", { value: name, selected: name === "normal" }, name)));
    const stop = () => {
      clearInterval(playing);
      playing = 0;
      play.textContent = "Play";
    };
    const start = () => {
      if (place === steps.length) go(0);
      play.textContent = "Pause";
      playing = setInterval(() => {
        if (!element.isConnected || place >= steps.length) return stop();
        go(place + 1);
        if (place >= steps.length) stop();
      }, SPEEDS[speed.value]);
    };
    play.addEventListener("click", () => (playing ? stop() : start()));
    speed.addEventListener("change", () => {
      if (!playing) return;
      stop();
      start();
    });
    const say = make("div", { className: "rd-say", role: "status" });

    // -- the queue, the panes, the store
    const inQueue = make("div", { className: "rd-in" });
    const queue = make("div", { className: "rd-box rd-queue" }, make("div", { className: "rd-head" }, film.hasQueue ? "queue" : "link"), inQueue);
    const isThere = film.hasQueue || film.processes.length > 1;
    const panes = film.processes.map((title, index) => {
      const hands = make("span", { style: "display:contents" });
      const name = make("span", {}, title);
      const code = make("div", { className: "rd-code", tabIndex: 0, role: "group", "aria-label": `Code of ${title}` });
      const notes = make("div");
      const foot = make("div", { className: "rd-foot" });
      const box = make("div", { className: `rd-box ${lane(index)}`, role: "group", "aria-label": title }, make("div", { className: "rd-head" }, name, hands));
      const coded = film.coded[index] && film.files.length > 0;
      if (coded) box.append(code);
      box.append(notes, foot);
      return { box, hands, code, notes, foot, coded, file: -1, lines: [], red: [] };
    });
    const inStore = make("div", { className: "rd-in", tabIndex: 0, role: "group", "aria-label": "What is stored" });
    const store = make("div", { className: "rd-box rd-store" }, make("div", { className: "rd-head" }, film.store), inStore);
    const lines = draw("svg", { class: "rd-lines", "aria-hidden": "true" });
    const board = make("div", { className: "rd-board" });
    const columns = [make("div", { className: "rd-left" }), make("div", { className: "rd-right" })];
    panes.forEach((pane, index) => columns[index % 2].append(pane.box));
    if (isThere) board.append(queue);
    board.append(columns[0]);
    if (panes.length > 1) board.append(columns[1]);
    else board.classList.add("rd-one");
    board.append(store, lines);

    const showCode = (pane, file) => {
      if (file === pane.file || film.files[file] === undefined) return;
      pane.file = file;
      const { first = 1, lines: texts } = film.files[file];
      // A line that is too long goes on below itself, a little further in.
      pane.lines = texts.map((text, index) => {
        const code = text.trimStart();
        const line = make("div", {}, make("span", {}, `${String(first + index).padStart(3)}  `), code);
        line.style.paddingLeft = `${7 + text.length - code.length}ch`;
        return line;
      });
      pane.code.replaceChildren(...pane.lines);
    };

    // The line that was just carried out, or the one at which the process stands.
    const mark = (pane, index, done) => {
      const [file, next] = film.panes[after(place).panes][index] ?? [];
      const acted = Boolean(done) && done.process === index && done.line !== null;
      showCode(pane, acted ? done.file : (file ?? (pane.file < 0 ? 0 : pane.file)));
      const wanted = acted ? done.line : next;
      const { first = 1 } = film.files[pane.file] ?? {};
      pane.lines.forEach((line, number) => {
        const here = first + number === wanted;
        if (here === line.classList.contains("rd-here") && !line.classList.contains("rd-next") && !here) return;
        line.classList.toggle("rd-here", here && acted);
        line.classList.toggle("rd-next", here && !acted);
        if (here) line.setAttribute("aria-current", "step");
        else line.removeAttribute("aria-current");
        line.firstChild.textContent = `${String(first + number).padStart(3)}${here ? (acted ? " ▶" : " ▷") : "  "}`;
      });
      const line = pane.lines[wanted - first];
      if (line) pane.code.scrollTop = Math.max(0, line.offsetTop - pane.code.clientHeight / 2);
    };

    const showPane = (pane, index, done) => {
      const now = after(place);
      const [, , next, open, waits] = film.panes[now.panes][index] ?? [];
      const letter = film.letters[index];
      pane.hands.replaceChildren(...film.queues[now.queue].filter((one) => one[1] === letter).map(envelope));
      if (pane.coded) mark(pane, index, done);
      pane.red = [];
      pane.notes.replaceChildren(
        ...film.sets[now.beliefs].map((number) => film.beliefs[number]).filter((one) => one[0] === index).map((one) => {
          const [, step, text, against] = one;
          const note = make("div", { className: "rd-note" }, `${letter} knows: `, make("b", {}, text), ` (step ${step})`);
          if (against) {
            note.classList.add("rd-against");
            note.append(". ", make("span", {}, `↯ ${against}.`));
            pane.red.push([note, one]);
          }
          return note;
        }),
      );
      const isBusy = pane.hands.childNodes.length > 0 || next !== "";
      const isOver = place === steps.length && !live && place > 0;
      const without = isOver ? "" : film.sql && pane.coded && isBusy && !/^(receive|start|send|take)/.test(next) ? "no transaction open" : next && `next: ${next}`;
      pane.foot.textContent = waits ? "waits for a lock" : open ? "transaction open" : without;
      pane.foot.classList.toggle("rd-open", Boolean(open || waits));
    };

    const spots = new Map(); // where things are drawn to: tables, rows and coins
    const showStore = () => {
      const now = after(place);
      const before = after(Math.max(0, place - 1));
      const old = new Map(film.tables[before.tables].map((table) => [table[0], table]));
      const purse = film.sets[now.coins].map((number) => film.coins[number]);
      spots.clear();
      const shown = film.tables[now.tables].map(([name, titles, rows, keys, more]) => {
        const [, , oldRows, oldKeys] = old.get(name) ?? [name, [], [], []];
        const was = new Map(oldKeys.map((key, index) => [key, oldRows[index].join("\u0000")]));
        const width = Math.max(1, titles.length, ...rows.map((row) => row.length));
        const body = make("tbody");
        const musts = now.musts.filter((one) => one[2] === name);
        rows.forEach((row, index) => {
          const key = keys[index];
          const isNew = place > 0 && was.get(key) !== row.join("\u0000");
          const bad = musts.find((one) => one[3] === key);
          const line = make("tr", {}, ...row.map((value) => make("td", value.length > 24 ? { title: value } : {}, value)));
          line.classList.toggle("rd-new", isNew && !bad);
          line.classList.toggle("rd-bad", Boolean(bad));
          const own = purse.filter((one) => one[0] === name && one[1] === key);
          const last = make("td", { className: "rd-last" });
          if (bad) last.append(make("span", { className: "rd-must" }, `must be ${bad[1]}`));
          const plain = own.filter((one) => !one[2] && width <= 3);
          last.append(...plain.map((one) => coin(film, one)));
          line.append(last);
          body.append(line);
          spots.set(`${name}\u0000${key}`, line);
          const money = own.filter((one) => one[2] || width > 3);
          if (money.length) {
            body.append(make("tr", { className: "rd-purse" }, make("td", { colSpan: width + 1 }, make("div", {}, ...money.map((one) => {
              const made = coin(film, one);
              spots.set(`coin ${one[0]} ${one[1]} ${one[5]}`, made);
              return made;
            })))));
          }
        });
        for (const [index, key] of oldKeys.entries()) {
          if (place > 0 && before.tables !== now.tables && !keys.includes(key)) {
            body.append(make("tr", { className: "rd-gone" }, ...oldRows[index].map((value, cell) => make("td", {}, cell ? value : `− ${value}`))));
          }
        }
        if (!body.childNodes.length) body.append(make("tr", {}, make("td", { colSpan: width, className: "rd-quiet" }, "no rows")));
        if (more) body.append(make("tr", {}, make("td", { colSpan: width }, `and ${more} more`)));
        const whole = musts.filter((one) => !keys.includes(one[3]));
        for (const one of whole) body.append(make("tr", {}, make("td", { colSpan: width + 1 }, make("span", { className: "rd-must" }, `${film.columns[one[0]] ?? name} must be ${one[1]}`))));
        const table = make("table", {}, make("caption", {}, name));
        if (rows.length && titles.length === rows[0].length) table.append(make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))));
        table.append(body);
        spots.set(name, table);
        return table;
      });
      for (const one of now.musts.filter((must) => !film.tables[now.tables].some((table) => table[0] === must[2]))) {
        shown.push(make("div", { className: "rd-must" }, one[2] === "answers" ? `${one[3]} must be ${one[1]}` : `${film.columns[one[0]] ?? one[2]} must be ${one[1]}`));
      }
      if (!shown.length) shown.push(make("div", { className: "rd-quiet" }, "nothing yet"));
      inStore.replaceChildren(...shown);
    };

    const showQueue = () => {
      const now = film.queues[after(place).queue];
      const waiting = now.filter((one) => one[1] === "queue" || one[1] === "link").map(envelope);
      const words = [];
      for (const [where, said] of [["done", "acknowledged"], ["dead", "in the dead-letter queue"]]) {
        const names = now.filter((one) => one[1] === where).map((one) => one[0]);
        if (names.length) words.push(`${said}: ${names.join(", ")}`);
      }
      if (!waiting.length && !words.length) words.push(film.hasQueue ? "empty: all is in somebody's hands" : "nothing on its way");
      inQueue.replaceChildren(...waiting, ...(words.length ? [make("span", { className: "rd-quiet" }, words.join("; "))] : []));
    };

    const tell = (done) => {
      const lost = film.noReturn !== null && place >= film.noReturn;
      const off = film.wrongFrom !== null && place >= film.wrongFrom;
      const text = [];
      if (done) {
        text.push(make("b", {}, `Step ${place} of ${steps.length}. `), `${done.fault ? "Fault. " : ""}${words(film, done)}.`);
        if (done.kind === "receive") {
          const body = film.messages.find((one) => done.move && one[0] === done.move[2])?.[1];
          if (body) text.push(` It says ${body}.`);
        }
        if (done.prints) text.push(` It printed: ${done.prints}`);
      } else {
        text.push(make("b", {}, live && !steps.length ? "Nothing has happened yet." : `Before the first of ${steps.length} steps.`));
      }
      for (const number of film.sets[after(place).beliefs]) {
        const [index, , text_, against, step] = film.beliefs[number];
        if (against && step === place) text.push(` ↯ ${film.letters[index]} goes by “${text_}”, but ${against}.`);
      }
      if (place === steps.length && steps.length && !live) text.push(" This is the end.");
      const bad = [];
      if (off) bad.push(`${place === film.wrongFrom ? "Wrong from this step on" : `Wrong since step ${film.wrongFrom}`}: ${film.wrong}.`);
      if (lost && !live) bad.push(film.noReturn === 0 ? HOPELESS : place === film.noReturn ? NO_RETURN : `The point of no return was step ${film.noReturn}.`);
      if (bad.length) text.push(make("div", { className: "rd-lost" }, bad.join(" ")));
      say.replaceChildren(...text);
    };

    const showTicks = () => {
      ticks.forEach((tick, index) => {
        const step = steps[index];
        const open = index < reached;
        const off = film.wrongFrom !== null && index + 1 >= film.wrongFrom;
        const name = `rd-tick${open ? ` ${step.fault ? "rd-fault" : lane(step.process)}${off ? " rd-off" : ""}${film.noReturn === index + 1 && !live ? " rd-lost-after" : ""}` : " rd-later"}${index + 1 === place ? " rd-now" : ""}`;
        if (tick.className !== name) tick.className = name;
        const text = open ? step.choice : "";
        if (tick.textContent !== text) tick.textContent = text;
        if (open && !tick.title) tick.title = `${index + 1}. ${words(film, step)}`;
      });
      const now = ticks[place - 1];
      if (now) strip.scrollTop = Math.max(0, now.offsetTop - strip.offsetTop - strip.clientHeight / 2);
    };

    // -- arrows, arcs, and what slides along them
    const rect = (node) => {
      const a = node.getBoundingClientRect();
      const b = board.getBoundingClientRect();
      return { left: a.left - b.left, right: a.right - b.left, top: a.top - b.top, bottom: a.bottom - b.top, x: (a.left + a.right) / 2 - b.left, y: (a.top + a.bottom) / 2 - b.top };
    };
    const spot = (where) => {
      if (where === "queue" || where === "link") return isThere ? rect(queue) : null;
      if (where === "store") return rect(store);
      const index = film.letters.indexOf(where);
      return index >= 0 ? rect(panes[index].box.firstChild) : null;
    };
    // The two ends of an arrow between two boxes: from the sides that face each other.
    const ends = (a, b, sides = false) => {
      if (sides && (b.left >= a.right - 2 || a.left >= b.right - 2)) {
        const right = a.x < b.x;
        return [{ x: right ? a.right : a.left, y: a.y, v: 0 }, { x: right ? b.left : b.right, y: b.y, v: 0 }];
      }
      if (b.top >= a.bottom - 2) return [{ x: Math.min(Math.max(b.x, a.left + 16), a.right - 16), y: a.bottom, v: 1 }, { x: b.x, y: b.top, v: 1 }];
      if (a.top >= b.bottom - 2) return [{ x: a.x, y: a.top, v: 1 }, { x: Math.min(Math.max(a.x, b.left + 16), b.right - 16), y: b.bottom, v: 1 }];
      const right = a.x < b.x;
      return [{ x: right ? a.right : a.left, y: a.y, v: 0 }, { x: right ? b.left : b.right, y: Math.min(Math.max(a.y, b.top + 12), b.bottom - 12), v: 0 }];
    };
    const arrow = (a, b, { red = false, dashed = false, text = "", broken = false, sides = false, below = false } = {}) => {
      let [p, q] = ends(a, b, sides);
      const under = below && !p.v; // from the side, and up to the coin from below
      if (under) q = { x: b.x, y: b.bottom, v: 1 };
      if (broken) q = { ...q, x: p.x + (q.x - p.x) * 0.55, y: p.y + (q.y - p.y) * 0.55 };
      const middle = [(p.x + q.x) / 2, (p.y + q.y) / 2];
      const m = under ? [q.x, p.y, q.x, Math.max(p.y, q.y + 24)] : p.v ? [p.x, middle[1], q.x, middle[1]] : [middle[0], p.y, middle[0], q.y];
      const name = `${red ? "rd-red" : ""} ${dashed ? "rd-dashed" : ""}`;
      lines.append(draw("path", { class: name, d: `M${p.x} ${p.y} C${m[0]} ${m[1]} ${m[2]} ${m[3]} ${q.x} ${q.y}` }));
      const [dx, dy] = [q.x - m[2], q.y - m[3]];
      const length = Math.hypot(dx, dy) || 1;
      const [ux, uy] = [dx / length, dy / length];
      if (broken) lines.append(draw("path", { class: "rd-red", d: `M${q.x - 6} ${q.y - 6}l12 12m0 -12l-12 12` }));
      else lines.append(draw("polygon", { class: name, points: `${q.x},${q.y} ${q.x - 9 * ux - 4.5 * uy},${q.y - 9 * uy + 4.5 * ux} ${q.x - 9 * ux + 4.5 * uy},${q.y - 9 * uy - 4.5 * ux}` }));
      if (text) {
        const flat = Math.abs(q.x - p.x) < 70;
        const label = draw("text", { x: (p.x + q.x) / 2 + (p.v && flat ? 8 : 0), y: (p.y + q.y) / 2 - (p.v && !flat ? 6 : p.v ? 0 : 7), "text-anchor": p.v && flat ? "start" : "middle" }, text);
        if (!red) label.style.fill = "var(--rd-ink)";
        lines.append(label);
      }
    };

    const drawLines = () => {
      const now = after(place);
      const done = place > 0 ? steps[place - 1] : null;
      lines.replaceChildren();
      const [first, last] = [rect(panes[0].box), rect(store)];
      const beside = last.left >= first.right; // the store stands between the panes, else below them
      if (panes.length > 1 && rect(columns[1]).left < first.right) return; // one below the other: lines would cross it all
      const held = film.queues[now.queue];
      if (film.hasQueue) {
        for (const [name, where, again] of held) {
          const to = film.letters.includes(where) ? spot(where) : null;
          if (to) arrow(spot("queue"), to, { red: again, dashed: again, text: again ? `${name} again` : "" });
        }
      }
      const move = done?.move;
      if (move && move[0] && (move[1] !== "store" || move[4]) && !(move[0] === "queue" && film.letters.includes(move[1]) && !move[4])) {
        const [a, b] = [spot(move[0]), spot(move[1])];
        if (a && b) arrow(a, b, { red: move[4], dashed: move[4], broken: move[4], text: move[2], sides: move.includes("store") });
      }
      if (done) {
        const before = film.sets[after(place - 1).coins];
        const fresh = film.sets[now.coins].filter((number) => !before.includes(number)).map((number) => film.coins[number]);
        const made = fresh.find((one) => one[5] === place && one[2]) ?? fresh.find((one) => one[5] === place);
        const pane = panes[done.process];
        if (made && pane) {
          const line = pane.lines.find((one) => one.classList.contains("rd-here"));
          const target = spots.get(`coin ${made[0]} ${made[1]} ${made[5]}`) ?? spots.get(`${made[0]}\u0000${made[1]}`) ?? spots.get(made[0]);
          if (target) arrow(rect(beside && line && visible(line, pane.code) ? line : pane.box), rect(target), { red: made[6], text: made[2], sides: beside });
        }
      }
      for (const pane of panes) {
        for (const [note, one] of pane.red) {
          const written = film.sets[now.coins].map((number) => film.coins[number]).find((c) => one[5] === c[0] && c[2] && c[5] <= one[4] && c[4] !== film.letters[one[0]]);
          const target = (written && spots.get(`coin ${written[0]} ${written[1]} ${written[5]}`)) ?? spots.get(one[5]);
          const start = rect(note);
          if (!beside) start.top = start.bottom = start.y = rect(pane.box).bottom;
          if (target) arrow(start, rect(target), { red: true, dashed: true, sides: beside, below: Boolean(written) });
        }
      }
    };
    const visible = (line, box) => line.offsetTop >= box.scrollTop && line.offsetTop + line.offsetHeight <= box.scrollTop + box.clientHeight + 2;

    const slide = (step) => {
      if (!step?.move || still()) return;
      const [from, to, what, again, breaks] = step.move;
      const b = spot(to);
      const a = from ? spot(from) : b && { ...b, y: b.y - 60 };
      if (!a || !b) return;
      const flying = make("span", { className: `rd-envelope rd-fly${again || breaks ? " rd-again" : ""}`, "aria-hidden": "true" }, `✉ ${what}${again ? " again" : ""}`);
      board.append(flying);
      const at = (p, q, part) => `translate(${p.x + (q.x - p.x) * part - 24}px, ${p.y + (q.y - p.y) * part - 10}px)`;
      const frames = breaks
        ? [{ transform: at(a, b, 0) }, { transform: at(a, b, 0.55), opacity: 1, offset: 0.6 }, { transform: `${at(a, b, 0.58)} translateY(26px) rotate(28deg)`, opacity: 0 }]
        : [{ transform: at(a, b, 0) }, { transform: at(a, b, 1) }];
      flying.animate(frames, { duration: SLIDE, easing: "ease-in-out" }).finished.then(() => flying.remove(), () => flying.remove());
    };

    function go(wanted) {
      const next = Math.max(0, Math.min(steps.length, wanted));
      const forward = next === place + 1;
      place = next;
      reached = Math.max(reached, place);
      const done = place > 0 ? steps[place - 1] : null;
      strip.setAttribute("aria-valuenow", String(place));
      strip.setAttribute("aria-valuetext", `${place} of ${steps.length}`);
      buttons[0].disabled = buttons[1].disabled = place === 0;
      buttons[2].disabled = buttons[3].disabled = place === steps.length;
      showTicks();
      showQueue();
      panes.forEach((pane, index) => showPane(pane, index, done));
      showStore();
      tell(done);
      board.querySelectorAll(".rd-fly").forEach((one) => one.remove());
      if (element.isConnected) drawLines();
      if (forward && done && element.isConnected) slide(done);
    }

    const element = make("div", { className: "rd-stage", "data-lm-suppress-shortcuts": "true", role: "group", "aria-label": `Step by step: ${film.title}` });
    const bar = make("div", { className: "rd-bar" }, ...buttons);
    if (!live) bar.append(play, speed);
    bar.append(strip);
    element.append(bar, say);
    if (controls) element.append(controls);
    element.append(board);
    element.append(make("div", { className: "rd-legend" }, `Arrow keys step on the strip; Home and End go to its ends. ▶ was just carried out, ▷ comes next for the one who stands there.${live ? "" : " On the strip a fault is dashed, the point of no return is a double line, and what is wrong is filled with red."}`));
    element.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the notebook above takes arrow keys for its own
      const moves = { ArrowLeft: place - 1, ArrowRight: place + 1, ArrowDown: place - 1, ArrowUp: place + 1, Home: 0, End: steps.length, PageUp: place + 10, PageDown: place - 10 };
      const onStrip = event.target === strip;
      const known = onStrip ? Object.keys(moves) : ["ArrowLeft", "ArrowRight"];
      if (!known.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
      event.preventDefault();
      stop();
      go(moves[event.key]);
    });
    new ResizeObserver(() => element.isConnected && drawLines()).observe(board);
    go(from);
    return { element, strip, go, place: () => place, count: steps.length };
  }

  // The picture, drawn anew as part of the page: its texts can be read, pointed at and zoomed, and the page's colours
  // are its own. Only what a picture of ours is made of is taken over.
  const PARTS = new Set(["svg", "g", "rect", "line", "path", "text", "title", "desc"]);
  const SAFE = new Set(["x", "y", "x1", "y1", "x2", "y2", "width", "height", "rx", "d", "class", "font-size", "font-family", "font-weight", "text-anchor", "viewBox", "stroke-dasharray", "stroke-width", "role", "aria-label", "fill", "stroke"]);
  function copied(node) {
    const made = draw(node.localName, {});
    for (const { name, value } of node.attributes) if (SAFE.has(name) && !/url|script/i.test(value)) made.setAttribute(name, value);
    for (const child of node.childNodes) {
      if (child.nodeType === 3) made.append(child.data);
      else if (child.nodeType === 1 && PARTS.has(child.localName)) made.append(copied(child));
    }
    return made;
  }

  function inlined(picture) {
    for (const image of picture.querySelectorAll('img[src^="data:image/svg+xml;base64,"]')) {
      try {
        const bytes = Uint8Array.from(atob(image.src.slice(image.src.indexOf(",") + 1)), (c) => c.charCodeAt(0));
        const root = new DOMParser().parseFromString(new TextDecoder().decode(bytes), "image/svg+xml").documentElement;
        if (root.localName !== "svg" || !root.querySelector(".rd-row")) continue;
        const made = copied(root);
        made.setAttribute("style", image.getAttribute("style") ?? "");
        const frame = image.parentElement;
        image.replaceWith(made);
        frame.classList.add("rd-picture");
        Object.assign(frame, { tabIndex: 0 });
        frame.setAttribute("role", "group");
        frame.setAttribute("aria-label", "Timeline");
      } catch {
        // the image stays as it is
      }
    }
  }

  // The picture as it is stored, and a button that opens the stage below it.
  function show(host, film, picture) {
    style();
    host.classList.add("rd-film");
    host.replaceChildren();
    if (picture) {
      inlined(picture);
      host.append(picture);
    }
    const open = make("button", { type: "button", "aria-expanded": "false" }, `▶ Step through it (${film.steps.length} step${film.steps.length === 1 ? "" : "s"})`);
    host.append(open);
    let opened = null;
    open.addEventListener("click", () => {
      if (opened) {
        opened.element.remove();
        opened = null;
      } else {
        opened = stage(film);
        host.append(opened.element);
        opened.go(0);
        opened.strip.focus();
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
      if (said) line.after(make("div", { className: "rd-since", role: "status" }, said));
    }
  }

  // After a check its verdict can be read: the page was scrolled to the next cell before the verdict was there.
  async function showVerdicts() {
    const versions = Object.values(shared["@jupyterlab/notebook"] ?? {});
    if (!versions.length) return;
    const { NotebookActions } = (await versions[0].get())();
    NotebookActions.selectionExecuted.connect((_, { notebook, lastCell }) => bringIntoView(notebook, lastCell, 20));
  }

  function bringIntoView(notebook, cell, patience) {
    const banner = cell.node.querySelector(".rd-banner");
    const waits = cell.node.querySelector(".jp-OutputArea-output") === null || banner === null;
    if (waits && patience > 0) return void requestAnimationFrame(() => bringIntoView(notebook, cell, patience - 1));
    const page = cell.node.closest(".jp-WindowedPanel-outer");
    const beyond = notebook.activeCellIndex - notebook.widgets.indexOf(cell);
    if (!banner || !page || beyond < 0 || beyond > 4) return; // somebody has gone on
    const [shown, frame] = [banner.getBoundingClientRect(), page.getBoundingClientRect()];
    if (shown.top >= frame.top && shown.bottom <= frame.bottom) return;
    page.scrollTop += Math.min(cell.node.getBoundingClientRect().top, shown.top) - frame.top - 8;
    const now = banner.getBoundingClientRect();
    if (now.bottom > frame.bottom) page.scrollTop += Math.min(now.bottom - frame.bottom + 8, now.top - frame.top - 8);
  }

  // The notebooks that are open are known by their shape: the type's own token is not to be had without a build.
  function watchNotebooks(app) {
    const watched = new WeakSet();
    const look = () => {
      for (const panel of app.shell.widgets("main")) {
        const model = panel.content?.model;
        if (!model?.contentChanged || !panel.content.widgets || watched.has(model)) continue;
        watched.add(model);
        // The kernel tells its version, which JupyterLab notes in the notebook: nobody has changed anything by that.
        model.metadataChanged?.connect((_, { key }) => {
          if (key === "language_info" && !model.dirty) Promise.resolve().then(() => (model.dirty = false));
        });
        let waiting = 0;
        model.contentChanged.connect(() => {
          clearTimeout(waiting);
          waiting = setTimeout(() => compare(panel), 200);
        });
      }
    };
    style();
    showVerdicts();
    app.shell.layoutModified?.connect(look); // the notebook app has none
    app.shell.currentChanged?.connect(look);
    app.restored.then(look);
  }

  // A page of its own, and a widget where JupyterLab doesn't have this extension, take these two.
  window.deliveredTwice = { show, stage };
  const known = (window._JUPYTERLAB = window._JUPYTERLAB || {});
  if (known["delivered-twice"]) return;
  let shared = {};
  known["delivered-twice"] = {
    init: (scope) => {
      shared = scope;
    },
    get: async (name) => {
      if (name === "./extension") {
        const { watch } = await import(new URL("predictions.js", HERE).href);
        const judged = { id: "delivered-twice:judged", autoStart: true, activate: watchNotebooks };
        const predictions = { id: "delivered-twice:predictions", autoStart: true, activate: watch };
        return () => ({ __esModule: true, default: [judged, predictions] });
      }
      if (name !== "./mimeExtension") throw new Error(`there is no module ${name}`);
      const versions = Object.values(shared["@lumino/widgets"]);
      const { Widget } = (await versions[0].get())();
      return () => ({ __esModule: true, default: extension(Widget) });
    },
  };
})();
