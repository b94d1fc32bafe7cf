// The learner's files: JupyterLite keeps what was saved in IndexedDB, one entry a file, under its path.
const NAME = "Delivered Twice";
const FILES = "files";

function asked(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("another tab holds the store: close it"));
  });
}

/** The database; null where nothing has been saved yet. */
async function database() {
  let fresh = false;
  const request = indexedDB.open(NAME);
  request.onupgradeneeded = () => { fresh = true; };
  const db = await asked(request);
  if (fresh || !db.objectStoreNames.contains(FILES)) {
    db.close();
    if (fresh) await asked(indexedDB.deleteDatabase(NAME)); // JupyterLite makes it as it needs it
    return null;
  }
  return db;
}

/** Whether this browser keeps anything for this page; the reason where it doesn't. */
export async function refused() {
  try {
    const db = await asked(indexedDB.open(`${NAME} probe`));
    db.close();
    await asked(indexedDB.deleteDatabase(`${NAME} probe`));
    return null;
  } catch (error) {
    return String(error?.message ?? error);
  }
}

/** All that was saved: [path, entry]. */
export async function saved() {
  const db = await database();
  if (!db) return [];
  const store = db.transaction(FILES).objectStore(FILES);
  const [keys, values] = await Promise.all([asked(store.getAllKeys()), asked(store.getAll())]);
  db.close();
  return keys.map((key, i) => [String(key), values[i]]).filter(([, entry]) => entry && entry.type !== "directory");
}

/** An entry as bytes. */
export function bytesOf(entry) {
  if (entry.format === "base64") return Uint8Array.from(atob(entry.content), (c) => c.charCodeAt(0));
  const text = entry.type === "notebook" || typeof entry.content !== "string"
    ? `${JSON.stringify(entry.content, null, 1)}\n` : entry.content;
  return new TextEncoder().encode(text);
}

function entryOf(path, bytes) {
  const name = path.split("/").pop();
  const now = new Date().toISOString();
  const common = { name, path, created: now, last_modified: now, writable: true, size: bytes.length };
  const text = new TextDecoder("utf-8", { fatal: true });
  if (name.endsWith(".ipynb")) {
    return { ...common, type: "notebook", format: "json", mimetype: "application/json", content: JSON.parse(text.decode(bytes)) };
  }
  try {
    return { ...common, type: "file", format: "text", mimetype: "text/plain", content: text.decode(bytes) };
  } catch {
    const letters = Array.from(bytes, (b) => String.fromCharCode(b)).join("");
    return { ...common, type: "file", format: "base64", mimetype: "application/octet-stream", content: btoa(letters) };
  }
}

/** Put files into the store. What was there under the same path and is another is kept beside it, in ``backup``.
    All of them or none. Returns [brought, kept]. */
export async function bring(files) {
  const entries = Object.entries(files).map(([path, bytes]) => [path, entryOf(path, bytes)]);
  const db = await database();
  if (!db) throw new Error("open a notebook of this site once first, so that there is a place for them");
  const transaction = db.transaction(FILES, "readwrite");
  const store = transaction.objectStore(FILES);
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error ?? new Error("the browser refused"));
  });
  let kept = 0;
  const stamp = new Date().toISOString().replace(/[-:]/g, "").slice(0, 15);
  for (const [path, entry] of entries) {
    const old = await asked(store.get(path));
    if (old && old.type !== "directory") {
      const before = bytesOf(old), now = bytesOf(entry);
      if (before.length !== now.length || before.some((b, i) => b !== now[i])) {
        const [name, ...folders] = path.split("/").reverse();
        const dot = name.lastIndexOf(".") > 0 ? name.lastIndexOf(".") : name.length;
        const copy = [...folders.reverse(), "backup", `${name.slice(0, dot)}.${stamp}${name.slice(dot)}`].join("/");
        store.put({ ...old, name: copy.split("/").pop(), path: copy }, copy);
        kept += 1;
      }
    }
    store.put(entry, path);
  }
  await done;
  db.close();
  return [entries.length, kept];
}
