// Runs Python beside the page. The first message brings the files, every other one a declaration.
let python;
const TYPES = { wasm: "application/wasm", zip: "application/zip" };

// Of a page opened from disk, a browser lets a worker load nothing. So scripts are evaluated, and files handed over.
async function start({ runtime, archives }) {
  const text = (name) => new TextDecoder().decode(runtime[name]);
  self.fetch = async (what) => {
    const name = String(what.url ?? what).split("/").pop();
    if (!(name in runtime)) throw new Error(name + " is not among the files of this page");
    return new Response(runtime[name], { headers: { "Content-Type": TYPES[name.split(".").pop()] } });
  };
  self.importScripts = () => { throw new Error("scripts are evaluated"); };
  (0, eval)(text("pyodide.js"));
  const module = text("pyodide.asm.mjs").replaceAll("import.meta.url", "'https://files.invalid/'");
  const createPyodideModule = (0, eval)(module.replace(/export\s+default\s+(\w+);?\s*$/, "") + "\n;_createPyodideModule");
  postMessage({ status: "Starting Python ..." });
  python = await loadPyodide({
    createPyodideModule,
    indexURL: "https://files.invalid/",
    packageBaseUrl: "https://files.invalid/",
    lockFileContents: JSON.parse(text("pyodide-lock.json")),
  });
  const extractDir = python.runPython("import site; site.getsitepackages()[0]");
  for (const [name, bytes] of Object.entries(archives)) {
    python.unpackArchive(bytes, name.endsWith(".whl") ? "wheel" : "zip", { extractDir });
  }
  postMessage({ status: "Loading SymPy ..." });
  python.runPython("from report import report");
}

onmessage = async ({ data }) => {
  try {
    if (data.files) {
      await start(data.files);
      postMessage({ ready: true });
    } else {
      const began = performance.now();
      const html = python.globals.get("report")(JSON.stringify(data.form));
      postMessage({ html, seconds: (performance.now() - began) / 1000 });
    }
  } catch (error) {
    postMessage({ error: String(error.message ?? error) });
  }
};
