// The page `Is your neuron continuous?`: loads Python when it is first asked, and shows what the worker reports.
(() => {
  const files = FILES;
  const source = WORKER;
  const form = document.getElementById("neuron");
  if (!form) return;
  const here = document.currentScript.src.replace(/[^/]*$/, "");
  const say = (text) => (document.getElementById("status").textContent = text);
  const out = document.getElementById("report");
  const go = form.querySelector("button[type=submit]"), stop = document.getElementById("stop");
  const loaded = {};
  let worker, waiting;

  const load = (name) => new Promise((done, failed) => {
    window.browserFile = (given, text) => (loaded[given] = text);
    const script = document.createElement("script");
    script.src = here + name + ".js";
    script.onload = done;
    script.onerror = () => failed(new Error(name + " is missing"));
    document.head.append(script);
  });

  async function unpacked(name) {
    const packed = Uint8Array.from(atob(loaded[name]), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  }

  async function start() {
    const names = [...files.runtime, ...files.archives];
    for (const [place, name] of names.entries()) {
      say(`Loading ${place + 1} of ${names.length} ...`);
      if (!(name in loaded)) await load(name);
    }
    const sent = { runtime: {}, archives: {} };
    for (const kind of ["runtime", "archives"]) for (const name of files[kind]) sent[kind][name] = await unpacked(name);
    worker = new (window.nativeWorker ?? Worker)(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    worker.onmessage = ({ data }) => answer(data);
    worker.onerror = (event) => answer({ error: event.message || "The worker could not be started." });
    await new Promise((ready) => { waiting = ready; worker.postMessage({ files: sent }); });
  }

  function answer(data) {
    if (data.status) say(data.status);
    if (data.ready) waiting();
    if (data.error) end("", "It failed: " + data.error);
    if (data.html !== undefined) end(data.html, `${data.seconds.toFixed(1)} s`);
  }

  function end(html, status) {
    out.innerHTML = html;
    say(status);
    go.disabled = false;
    stop.hidden = true;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    stop.hidden = false;
    out.replaceChildren();
    try {
      if (!worker) await start();
      say("Verifying ...");
      worker.postMessage({ form: Object.fromEntries(new FormData(form)) });
    } catch (error) {
      end("", "It failed: " + error.message);
    }
  });

  stop.addEventListener("click", () => {
    worker?.terminate();
    worker = undefined;
    end("", "Stopped.");
  });

  const examples = JSON.parse(document.getElementById("examples").textContent);
  const choice = document.getElementById("example");
  for (const name of Object.keys(examples)) choice.append(new Option(name, name));
  const fill = () => { for (const [field, text] of Object.entries(examples[choice.value])) form.elements[field].value = text; };
  choice.addEventListener("change", fill);
  fill();
})();
