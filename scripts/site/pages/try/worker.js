// Python with the checker alone, beside the page, so that the page stays alive whatever the code does.
const began = performance.now();
const since = (start) => (performance.now() - start) / 1000;
const PACKAGES = ["redelivery"];

const CHECK = `
from html import escape

def found(source):
    from redelivery.display.page import staged
    from redelivery.exercises.record_and_check import NAME, RECORD_AND_CHECK
    from redelivery.simulation.program import Cell, SourceProgram

    report = RECORD_AND_CHECK.check(NAME, SourceProgram([Cell("record_and_check", source)]))
    html = staged(report._repr_html_(), report.film)
    head = '<!doctype html><meta charset="utf-8"><style>body { font: 15px/1.5 system-ui, sans-serif; margin: 1rem }</style>'
    stage = '<script>document.querySelector("[data-film] button")?.click(); scrollTo(0, 0); document.activeElement?.blur()</script>'
    return report.verdict.name, head + html + stage
`;

let python = null;

async function load() {
  postMessage({ progress: 0.5, text: "Loading Python …" });
  const base = new URL("../static/pyodide/", import.meta.url).href;
  const { loadPyodide } = await import(`${base}pyodide.mjs`);
  const made = await loadPyodide({ indexURL: base });
  postMessage({ progress: 1.5, text: "Loading the checker …" });
  await made.loadPackage(PACKAGES, { messageCallback() {} });
  postMessage({ progress: 2.5, text: "Starting the checker …" });
  made.runPython(CHECK);
  made.runPython("import redelivery.exercises.record_and_check");
  return made;
}

const loading = load();
loading.then((made) => {
  python = made;
  postMessage({ ready: true, seconds: since(began) });
}, (error) => setTimeout(() => { throw error; }));

onmessage = async ({ data }) => {
  await loading;
  const start = performance.now();
  try {
    const both = python.globals.get("found")(data.code);
    const [verdict, html] = both.toJs();
    both.destroy();
    postMessage({ verdict, html, seconds: since(start) });
  } catch (error) {
    const lines = String(error.message ?? error).trim().split("\n");
    postMessage({ error: `The checker stopped: ${lines[lines.length - 1]}` });
  }
};
