const $ = (id) => document.getElementById(id);

const LECTURE = `def handle(message, db):
    if db["processed"].count_where("message_id = ?", [message.id]):
        return
    db.execute(
        "UPDATE account SET balance = balance + ? WHERE id = ?",
        [message.body["amount"], message.body["account"]],
    )
    db["processed"].insert({"message_id": message.id})
`;
const MENDED = `def handle(message, db):
    with db.atomic():
        new = db.execute("INSERT OR IGNORE INTO processed VALUES (?)", [message.id]).rowcount
        if new:
            db.execute(
                "UPDATE account SET balance = balance + ? WHERE id = ?",
                [message.body["amount"], message.body["account"]],
            )
`;

let worker = null;
let busy = false;

function say(text) {
  $("what").textContent = text;
}

function ready() {
  busy = false;
  $("bar").hidden = true;
  $("stop").hidden = true;
  $("check").disabled = false;
}

function begin() {
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => {
    if (data.progress) {
      $("bar").value = data.progress;
      say(data.text);
    } else if (data.ready) {
      ready();
      say(`Python is here (${data.seconds.toFixed(1)} s).`);
      check();
    } else if (data.error) {
      ready();
      say(data.error);
    } else {
      ready();
      document.documentElement.dataset.verdict = data.verdict;
      say(`${data.verdict}, in ${data.seconds.toFixed(1)} s.`);
      $("shown").srcdoc = data.html;
    }
  };
  worker.onerror = () => {
    $("trouble").textContent = "Python could not be loaded. Check the connection and reload this page; what you typed stays.";
    ready();
    $("check").disabled = true;
  };
}

function check() {
  if (busy) return;
  busy = true;
  $("check").disabled = true;
  $("stop").hidden = false;
  say("Running it under every schedule …");
  worker.postMessage({ code: $("code").value });
}

$("code").value = sessionStorage.getItem("code") ?? LECTURE;
$("code").oninput = () => sessionStorage.setItem("code", $("code").value);
$("code").onkeydown = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.shiftKey || event.metaKey)) {
    event.preventDefault();
    if (!$("check").disabled) check();
  }
};
$("check").onclick = check;
$("mend").onclick = () => {
  $("code").value = MENDED;
  $("code").oninput();
  if (!$("check").disabled) check();
};
$("anew").onclick = () => {
  $("code").value = LECTURE;
  $("code").oninput();
};
$("stop").onclick = () => {
  worker.terminate();
  busy = false;
  $("bar").hidden = false;
  $("stop").hidden = true;
  say("Stopped. Python starts anew; what you typed stays.");
  begin();
};

if (typeof WebAssembly !== "object") {
  $("trouble").textContent = "This browser has no WebAssembly, or it is switched off; Python in a page needs it.";
} else {
  begin();
}
