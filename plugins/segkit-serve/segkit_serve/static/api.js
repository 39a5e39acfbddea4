// Ask the server; what it refuses becomes an Error whose message is its sentence.

async function answered(response) {
  if (response.ok) return response;
  let told = {};
  try { told = await response.json(); } catch { /* no JSON: the status says all there is */ }
  const sentence = told.error ? (told.hint ? `${told.error}; ${told.hint}` : told.error) : `the server answers ${response.status}`;
  const error = new Error(sentence);
  error.status = response.status;
  error.told = told;
  throw error;
}

export async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("the server cannot be reached; is segkit serve still running?");
  }
  return answered(response);
}

export const json = async (path, options) => (await ask(path, options)).json();
export const bytes = async (path) => new Uint8Array(await (await ask(path)).arrayBuffer());

export async function send(files, models) {
  const form = new FormData();
  for (const file of files) form.append("file", file, file.name);
  return json(`/api/jobs?model=${models.join(",")}`, { method: "POST", body: form });
}

export async function finished(job, tell = () => {}) {
  for (let wait = 120; ; wait = Math.min(wait * 1.3, 1500)) {
    const now = await json(`/api/jobs/${job}`);
    if (now.state === "done") return now.result;
    if (now.state === "failed") throw new Error(now.hint ? `${now.error}; ${now.hint}` : now.error);
    tell(now);
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

export async function packed(values) {
  if (typeof CompressionStream === "undefined") return values;
  const stream = new Blob([values]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
