// The guarantee explorer: sliders here, the simulation in the kernel (explorer.py).
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "rd-widget";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Guarantee explorer");
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  root.addEventListener("keydown", (event) => event.stopPropagation());
  let serial = 0;

  const row = (text, control, shown) => {
    const line = document.createElement("div");
    line.className = "rd-row";
    const label = document.createElement("label");
    label.textContent = text;
    control.id = `rd-${Math.random().toString(36).slice(2)}-${(serial += 1)}`;
    label.htmlFor = control.id;
    line.append(label, control, shown);
    root.append(line);
  };

  const slider = (name, text, min, max, step, show) => {
    const control = document.createElement("input");
    Object.assign(control, { type: "range", min, max, step, value: model.get(name) });
    const shown = document.createElement("output");
    const say = () => {
      shown.textContent = show(Number(control.value));
      control.setAttribute("aria-valuetext", shown.textContent);
    };
    control.addEventListener("input", () => {
      say();
      model.set(name, Number(control.value));
      model.save_changes();
    });
    say();
    row(text, control, shown);
  };
  const percent = (value) => `${Math.round(value * 100)} %`;
  slider("loss", "Acknowledgements that get lost", 0, 0.5, 0.01, percent);
  slider("duplication", "Messages delivered twice", 0, 0.5, 0.01, percent);
  slider("crash", "Crashes between the two acts", 0, 0.5, 0.01, percent);

  const select = document.createElement("select");
  for (const order of model.get("orders")) select.append(new Option(order, order));
  select.value = model.get("acknowledge");
  select.addEventListener("change", () => {
    model.set("acknowledge", select.value);
    model.save_changes();
  });
  row("Acknowledge", select, document.createElement("span"));
  slider("seed", "Seed: which day it is", 1, 50, 1, String);

  const picture = document.createElement("img");
  const words = document.createElement("p");
  words.setAttribute("role", "status");
  root.append(picture, words);
  const draw = () => {
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(model.get("picture"))}`;
    picture.alt = "Lost and repeated so far, over the messages of the day";
    words.textContent = model.get("words");
  };
  model.on("change:picture", draw);
  draw();
  el.append(root);
  return () => model.off("change:picture", draw);
}

export default { render };
