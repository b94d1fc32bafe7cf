import { unzipSync, zipSync } from "./fflate.js";
import { bring, bytesOf, refused, saved } from "./store.js";

const $ = (id) => document.getElementById(id);
const root = new URL("..", import.meta.url);
const mega = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

function trouble(text) {
  $("trouble").textContent = text;
}

/** What keeps the notebooks from working here; null where nothing does. */
async function missing() {
  if (typeof WebAssembly !== "object") {
    return "This browser has no WebAssembly, or it is switched off; Python in a page needs it. Switch it on, or open this address in a current Firefox, Chromium, Edge or Safari.";
  }
  if (!window.isSecureContext || !("serviceWorker" in navigator)) {
    return "This browser lets no service worker run here, and the notebooks need one to reach your files. Open the site over https:// or from http://localhost, and not in a private window.";
  }
  const why = await refused();
  if (why) return `This browser keeps nothing for this page (${why}), so your work would be lost with the tab. Allow storage for this site, or leave the private window.`;
  return null;
}

function wanted(site) {
  const query = new URLSearchParams(location.search);
  for (const [word, folder] of [["lesson", "course"], ["exercise", "exercises"]]) {
    const given = query.get(word);
    if (given === null) continue;
    const name = site.notebooks[folder].find((n) => n.startsWith(`${given.padStart(2, "0")}-`));
    if (name) return `${folder}/${name}`;
    trouble(`There is no ${word} ${given}. Choose one below.`);
    return null;
  }
  return "course/00-start-here.ipynb";
}

const address = (path) => new URL(`notebooks/index.html?path=${encodeURIComponent(path)}`, root).href;

function list(site) {
  for (const folder of ["course", "exercises"]) {
    $(folder).replaceChildren(...site.notebooks[folder].map((name) => {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = address(`${folder}/${name}`);
      link.textContent = name.replace(".ipynb", "").replace(/-/g, " ");
      item.append(link);
      return item;
    }));
  }
}

/** Load everything once, so that the browser has it when the notebook asks. */
async function load(site) {
  const whole = site.loads.reduce((sum, one) => sum + one.bytes, 0);
  const cache = localStorage.getItem("site version") === site.version ? "default" : "reload";
  let there = 0;
  const began = performance.now();
  const show = () => {
    const seconds = (performance.now() - began) / 1000;
    const left = there > whole / 20 ? `, about ${Math.ceil(seconds * (whole - there) / there)} s more` : "";
    $("what").textContent = `Python, the checker and the course: ${mega(there)} of ${mega(whole)}${left}. Only the first time.`;
    $("bar").value = there / whole;
  };
  for (const one of site.loads) {
    const before = there;
    for (let left = 3; ; left -= 1) {
      try {
        const response = await fetch(new URL(one.path, root), { cache });
        if (!response.ok) throw new Error(`${one.path}: ${response.status}`);
        for (let reader = response.body.getReader(), part; !(part = await reader.read()).done; show()) there += part.value.length;
        break;
      } catch (error) {
        there = before;
        if (left === 1) throw error;
      }
    }
    there = before + one.bytes;
    show();
  }
  localStorage.setItem("site version", site.version);
}

async function start() {
  let site;
  try {
    site = await (await fetch(new URL("site.json", import.meta.url), { cache: "no-store" })).json();
  } catch {
    trouble("The site could not be reached. Check the connection and reload this page; your work is still in this browser.");
    $("what").textContent = "Nothing was loaded.";
    return;
  }
  list(site);
  const why = await missing();
  if (why) {
    trouble(why);
    $("what").textContent = "Nothing was loaded.";
    return;
  }
  await tellWork();
  const path = wanted(site);
  const known = localStorage.getItem("site version");
  try {
    await load(site);
  } catch {
    trouble(`The connection was lost. What has been loaded is kept, and so is your work: press "Load the rest" when the connection is back.`);
    $("again").hidden = false;
    $("again").onclick = () => location.reload();
    return;
  }
  if (known && known !== site.version) $("said").textContent = "The site has been renewed. Your work is as you left it.";
  navigator.storage?.persist?.();
  $("what").textContent = "Everything is here.";
  if (!path) return;
  $("open").href = address(path);
  $("open").textContent = `Open ${path.split("/")[1].replace(".ipynb", "").replace(/-/g, " ")}`;
  $("open").hidden = false;
  if (!new URLSearchParams(location.search).has("stay")) location.assign(address(path));
}

async function tellWork() {
  const files = await saved();
  const { usage, quota } = (await navigator.storage?.estimate?.()) ?? {};
  const room = quota && quota - usage < 2e7 ? ` This browser has only ${mega(quota - usage)} left for this site: download your work now.` : "";
  $("work").textContent = (files.length
    ? `${files.length} file${files.length > 1 ? "s" : ""} of yours in this browser: ${files.map(([path]) => path).sort().slice(0, 8).join(", ")}${files.length > 8 ? " …" : ""}.`
    : "Nothing has been changed yet. What you save in a notebook is kept in this browser, over reloads and restarts.") + room;
  $("download").disabled = !files.length;
}

$("download").onclick = async () => {
  const files = Object.fromEntries((await saved()).map(([path, entry]) => [path, bytesOf(entry)]));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([zipSync(files)], { type: "application/zip" }));
  link.download = `delivered-twice-${new Date().toISOString().slice(0, 10)}.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  $("said").textContent = `${Object.keys(files).length} files are in the zip.`;
};

$("bring").onchange = async (event) => {
  const file = event.target.files[0];
  if (!file) return;
  let files;
  try {
    files = unzipSync(new Uint8Array(await file.arrayBuffer()));
    files = Object.fromEntries(Object.entries(files).filter(([path]) => !path.endsWith("/") && !path.includes("..")));
    if (!Object.keys(files).length) throw new Error();
  } catch {
    $("said").textContent = `${file.name} is no zip of this page, so nothing was changed. Choose the file that "Download" gave you.`;
    return;
  }
  try {
    const [count, kept] = await bring(files);
    $("said").textContent = `${count} files are back.${kept ? ` What stood in their place is in the folder backup (${kept}).` : ""} Reload notebooks that are open.`;
  } catch (error) {
    $("said").textContent = `The browser could not keep them (${error.message ?? error}), so nothing was changed.`;
  }
  event.target.value = "";
  await tellWork();
};

start();
