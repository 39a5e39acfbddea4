// The page: drop an image, see what each model makes of it, correct it, take it away.

import { ask, bytes, finished, json, packed, send } from "./api.js";
import { LabelMap } from "./labelmap.js";
import { Pen } from "./pen.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const state = { zoom: 1, panX: 0, panY: 0, opacity: 0.35, outline: true, heatOpacity: 0.6, blink: false, slice: 0, aspect: 1, hidden: new Set(), colours: [] };
let info = null;
let current = null;
let views = [];
let pen = null;

function say(text) { $("status").textContent = text; }

function complain(error) {
  $("error").textContent = error ? error.message : "";
  $("error").hidden = !error;
  if (error) { say(""); $("progress").hidden = true; }
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function button(text, act, attributes = {}) {
  const made = element("button", text, { type: "button", ...attributes });
  made.addEventListener("click", () => Promise.resolve(act(made)).catch(complain));
  return made;
}

const plain = (name) => name.split(":").pop();
const title = (model) => `${info.models.length > 1 ? `${model.number + 1}. ` : ""}${plain(model.arch)} trained on ${plain(model.data)}`;

async function begin() {
  info = await json("/api/info");
  state.colours = info.colours;
  const kinds = new Set(info.models.map((model) => (model.dims === 2 ? "photographs" : "volumes")));
  $("takes").textContent = `${[...kinds].join(" and ")} (${[...new Set(info.models.flatMap((model) => model.suffixes))].join(", ")}), up to ${Math.round(info.limits.upload_bytes / 2 ** 20)} MiB`;
  $("models-line").textContent = info.models.map(title).join(" · ");
  if (info.models.some((model) => model.generated_sample)) $("models-line").append(element("strong", " Learnt from drawn images: its masks mean nothing."));
  if (info.models.length > 1) {
    $("which").hidden = false;
    for (const model of info.models) {
      const label = element("label");
      const box = element("input", undefined, { type: "checkbox", value: model.number });
      box.checked = model.dims === info.models[0].dims;
      label.append(box, ` ${title(model)}: ${model.classes.join(", ")}`);
      $("which").append(label);
    }
  }
}

function wanted() {
  if (info.models.length === 1) return [0];
  const chosen = [...$("which").querySelectorAll("input:checked")].map((box) => Number(box.value));
  if (!chosen.length) throw new Error("no model is chosen; tick one");
  return chosen;
}

async function take(files) {
  if (!files.length) return;
  complain(null);
  const models = wanted();
  say(`Sending ${files.length === 1 ? files[0].name : `${files.length} files`} …`);
  $("progress").hidden = false;
  $("progress").removeAttribute("value");
  const job = await send(files, models);
  const result = await finished(job.job, (now) => {
    say(now.state === "waiting" ? "Waiting for its turn …" : `Predicting, ${Math.round(100 * now.progress)} %`);
    if (now.progress > 0) $("progress").value = now.progress;
  });
  $("progress").hidden = true;
  await show(result);
}

async function show(result) {
  current = { ...result, planes: new Map() };
  const [first] = result.results;
  current.volume = first.grid.length === 3;
  Object.assign(state, { zoom: 1, panX: 0, panY: 0, slice: 0, aspect: 1, hidden: new Set() });
  if (current.volume && first.spacing) state.aspect = first.spacing[1] / first.spacing[2];
  $("case-name").textContent = result.name;
  $("views").replaceChildren();
  views = [];
  for (const one of result.results) {
    const model = info.models[one.model];
    const view = new View(title(model), state, redraw);
    view.model = model;
    view.result = one;
    view.map = new LabelMap(await bytes(`/api/cases/${result.case}/models/${one.model}/labels`), one.grid, one.overlapping, model.classes);
    view.proposed = view.map.values.slice();
    describe(view);
    $("views").append(view.element);
    views.push(view);
  }
  pen = pen ?? new Pen($("pen"), state, { changed, redraw, json, ask, packed, complain, say, button, element, go });
  pen.open(views, current, info);
  $("work").hidden = false;
  $("sending").hidden = true;
  if (current.volume) {
    $("slice").max = first.grid[0] - 1;
    go(fullest(views[0].map));
  } else {
    const picture = await createImageBitmap(await (await ask(`/api/cases/${result.case}/picture`)).blob());
    for (const view of views) view.picture = picture;
  }
  $("slices").hidden = !current.volume;
  if (info.keeps_corrections) await earlier();
  repaint();
  say(current.results.map((one) => sentence(info.models[one.model], one)).join(" "));
  $("case-name").focus?.();
}

// Offer what was corrected of this image before, by whomever.
async function earlier() {
  const { versions } = await json(`/api/cases/${current.case}/corrections`);
  current.version = versions.length ? versions.at(-1).version : 0;
  if (!versions.length) return;
  const last = versions.at(-1);
  for (const view of views) {
    const line = element("p", `Corrected before: version ${last.version}${last.who ? ` by ${last.who}` : ""}, ${last.saved.slice(0, 10)}. `, { class: "before" });
    line.append(button("Open it", async () => {
      const values = await bytes(`/api/cases/${current.case}/corrections/${last.version}`);
      view.map.remember(Array.from({ length: view.map.depth }, (_, slice) => slice));
      view.map.values.set(values);
      pen.begin(view);
      changed(view);
      repaint();
    }));
    view.caption.querySelector(".actions").before(line);
  }
}

function sentence(model, one) {
  const found = one.sizes.filter((size) => size.pixels > 0);
  const who = info.models.length > 1 ? `Model ${model.number + 1}` : plain(model.arch);
  if (!found.length) return `${who} finds none of ${model.classes.join(", ")}.`;
  return `${who} finds ${found.map((size) => `${size.name} (${amount(size)})`).join(", ")}.`;
}

function amount(size) {
  if (size.ml !== null) return `${size.ml.toPrecision(3)} ml`;
  if (size.mm2 !== null) return `${size.mm2.toPrecision(3)} mm²`;
  return `${(100 * size.share).toFixed(1)} %`;
}

// The slice with the most foreground.
function fullest(map) {
  let best = [Math.floor(map.depth / 2), 0];
  for (let slice = 0; slice < map.depth; slice++) {
    let count = 0;
    map.classes.forEach((_, index) => { for (const value of map.mask(slice, index + 1)) count += value; });
    if (count > best[1]) best = [slice, count];
  }
  return best[0];
}

function describe(view) {
  const { model, result, caption } = view;
  caption.replaceChildren();
  caption.append(element("h3", title(model)));
  const table = element("table");
  const head = element("tr");
  for (const text of ["class", current.volume ? "voxels" : "pixels", "share", result.spacing ? (current.volume ? "ml" : "mm²") : ""]) {
    if (text) head.append(element("th", text, { scope: "col" }));
  }
  table.append(element("thead"));
  table.tHead.append(head);
  const body = element("tbody");
  for (const size of result.sizes) {
    const row = element("tr");
    const name = element("th", undefined, { scope: "row" });
    const label = element("label");
    const box = element("input", undefined, { type: "checkbox", "aria-label": `Show ${size.name}` });
    box.checked = !state.hidden.has(size.label);
    box.addEventListener("change", () => {
      if (box.checked) state.hidden.delete(size.label); else state.hidden.add(size.label);
      repaint();
    });
    const swatch = element("span", "", { class: "swatch", "aria-hidden": "true" });
    swatch.style.setProperty("background", `rgb(${state.colours[size.label - 1].join(" ")})`);
    label.append(box, swatch, size.name);
    name.append(label);
    row.append(name, element("td", size.pixels.toLocaleString("en")), element("td", `${(100 * size.share).toFixed(1)} %`));
    const unit = current.volume ? size.ml : size.mm2;
    if (result.spacing) row.append(element("td", unit === null ? "" : unit.toPrecision(4)));
    body.append(row);
  }
  table.append(body);
  caption.append(table);
  if (result.expected_dice !== null) {
    caption.append(element("p", `Expected Dice ${result.expected_dice.toFixed(2)}: what the model's own probabilities promise.`));
  } else caption.append(element("p", "No expected score: this model is not calibrated (segkit calibrate).", { class: "quiet" }));
  for (const remark of result.remarks) caption.append(element("p", `The file ${remark}.`, { class: "quiet" }));
  const actions = element("p", undefined, { class: "actions" });
  actions.append(element("a", "Download mask", { class: "button", href: `/api/cases/${current.case}/models/${model.number}/mask`, download: "" }));
  actions.append(button("Correct", () => pen.begin(view), { class: "correct" }));
  caption.append(actions);
  caption.append(explaining(view));
}

function explaining(view) {
  const { model } = view;
  const box = element("details", undefined, { class: "explain" });
  box.append(element("summary", "Why? Heat map and evidence"));
  const id = `explainer-${model.number}`;
  const line = element("p");
  line.append(element("label", "by ", { for: id }));
  const choice = element("select", undefined, { id });
  for (const name of model.explainers) choice.append(element("option", name, { value: name }));
  if (model.explainers.includes("grad-cam")) choice.value = "grad-cam";
  const of = element("select", undefined, { id: `target-${model.number}`, "aria-label": "of which class" });
  for (const name of model.classes) of.append(element("option", name, { value: name }));
  const told = element("div", undefined, { class: "evidence", "aria-live": "polite" });
  line.append(choice, " of ", of, " ", button("Explain", async (own) => {
    own.disabled = true;
    told.replaceChildren(element("p", "Explaining, which takes some seconds …"));
    try {
      const place = `/api/cases/${current.case}/models/${model.number}`;
      const job = await json(`${place}/explain`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ explainer: choice.value, target: `predicted:${of.value}`, evidence: true }),
      });
      const result = await finished(job.job);
      view.heat = await bytes(`${place}/heat`);
      told.replaceChildren(...evidence(result), button("Hide heat map", (toggle) => {
        view.hiddenHeat = view.hiddenHeat ?? null;
        [view.heat, view.hiddenHeat] = [view.hiddenHeat, view.heat];
        toggle.textContent = view.heat ? "Hide heat map" : "Show heat map";
        repaint();
      }));
      $("heat-opacity-label").hidden = false;
      repaint();
    } catch (error) {
      told.replaceChildren();
      throw error;
    } finally {
      own.disabled = false;
    }
  }));
  box.append(line, told);
  return box;
}

function evidence(result) {
  const verdict = element("p");
  verdict.append(element("strong", `${result.verdict}: `, { class: `verdict ${result.verdict}` }), result.words.join("; ") || "nothing more was measured");
  const list = element("dl");
  const add = (name, value, better) => {
    if (typeof value !== "number") return;
    list.append(element("dt", name), element("dd", `${value.toFixed(2)} (${better})`));
  };
  const found = result.evidence ?? {};
  add("AUROC beside the prediction", found.prediction?.auroc, "1 is best, 0.5 is chance");
  add("Energy inside the prediction", found.prediction?.energy, "higher is better");
  add("Deletion, area", found.curves?.deletion_area, "lower is better");
  add("Insertion, area", found.curves?.insertion_area, "higher is better");
  add("Likeness with random weights", found.randomisation?.everything, "nearer 0 is better");
  return [verdict, list];
}

async function go(slice) {
  state.slice = Math.max(0, Math.min(views[0].map.depth - 1, slice));
  $("slice").value = state.slice;
  $("slice-number").textContent = `${state.slice + 1} of ${views[0].map.depth}`;
  const wantedSlice = state.slice;
  const picture = await plane(wantedSlice);
  if (wantedSlice !== state.slice) return;
  for (const view of views) view.picture = picture;
  repaint();
  for (const near of [wantedSlice + 1, wantedSlice - 1]) if (near >= 0 && near < views[0].map.depth) plane(near).catch(() => {});
}

async function plane(slice) {
  if (current.planes.has(slice)) return current.planes.get(slice);
  const { width, height } = views[0].map;
  const values = await bytes(`/api/cases/${current.case}/slices/${slice}`);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let place = 0; place < values.length; place++) {
    const value = values[values.length - 1 - place];
    image.data.set([value, value, value, 255], place * 4);
  }
  context.putImageData(image, 0, 0);
  if (current.planes.size > 200) current.planes.delete(current.planes.keys().next().value);
  current.planes.set(slice, canvas);
  return canvas;
}

function changed(view) {
  view.result.sizes.forEach((size) => {
    size.pixels = view.map.count(size.label);
    const whole = view.map.plane * view.map.depth;
    size.share = size.pixels / whole;
    const spacing = view.result.spacing;
    if (spacing && size.ml !== null) size.ml = (size.pixels * spacing[0] * spacing[1] * spacing[2]) / 1000;
  });
  const open = view.caption.querySelector("details")?.open;
  const kept = view.caption.querySelector("details");
  describe(view);
  if (kept) view.caption.querySelector("details").replaceWith(kept);
  if (kept && open) kept.open = true;
}

function redraw() { for (const view of views) view.draw(); }
function repaint() { for (const view of views) { view.resize(); view.paint(); } redraw(); }

function zoom(factor) {
  state.zoom = Math.max(0.5, Math.min(40, state.zoom * factor));
  redraw();
}

function fit() { Object.assign(state, { zoom: 1, panX: 0, panY: 0 }); redraw(); }

function blink(on) {
  state.blink = on;
  $("blink").setAttribute("aria-pressed", String(on));
  redraw();
}

function pressed(id, name) {
  $(id).addEventListener("click", () => {
    state[name] = !state[name];
    $(id).setAttribute("aria-pressed", String(state[name]));
    repaint();
  });
}

function wire() {
  const drop = $("drop");
  for (const name of ["dragover", "dragenter"]) document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) document.addEventListener(name, () => drop.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    if (!$("sending").hidden || window.confirm("Leave this image for the new one?")) dropped(event.dataTransfer).then(take).catch(complain);
  });
  document.addEventListener("paste", (event) => { if (event.clipboardData.files.length) take([...event.clipboardData.files]).catch(complain); });
  $("file").addEventListener("change", (event) => take([...event.target.files]).catch(complain).finally(() => { event.target.value = ""; }));
  $("another").addEventListener("click", () => {
    if (pen?.unsaved && !window.confirm("Leave this correction without saving it?")) return;
    ask(`/api/cases/${current.case}`, { method: "DELETE" }).catch(() => {});
    pen?.close();
    $("work").hidden = true;
    $("sending").hidden = false;
    say("");
    complain(null);
  });
  $("opacity").addEventListener("input", (event) => { state.opacity = Number(event.target.value); repaint(); });
  $("heat-opacity").addEventListener("input", (event) => { state.heatOpacity = Number(event.target.value); redraw(); });
  $("slice").addEventListener("input", (event) => go(Number(event.target.value)).catch(complain));
  pressed("outline", "outline");
  $("blink").addEventListener("pointerdown", () => blink(true));
  for (const name of ["pointerup", "pointerleave", "blur"]) $("blink").addEventListener(name, () => blink(false));
  $("closer").addEventListener("click", () => zoom(1.4));
  $("farther").addEventListener("click", () => zoom(1 / 1.4));
  $("fit").addEventListener("click", fit);
  document.addEventListener("keydown", keys);
  document.addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "b") blink(false); });
  $("views").addEventListener("wheel", wheel, { passive: false });
  window.addEventListener("beforeunload", (event) => { if (pen?.unsaved) event.preventDefault(); });
  window.addEventListener("unhandledrejection", (event) => complain(event.reason));
}

async function dropped(data) {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
  const found = [];
  const walk = async (entry) => {
    if (entry.isFile) found.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    else {
      const reader = entry.createReader();
      for (;;) {
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) break;
        for (const one of some) await walk(one);
      }
    }
  };
  for (const entry of entries) await walk(entry);
  return found;
}

function keys(event) {
  if ($("work").hidden || /^(input|select|textarea)$/i.test(event.target.tagName)) return;
  if (pen?.key(event)) { event.preventDefault(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowUp: 1, PageUp: 5, ArrowDown: -1, PageDown: -5 }[event.key];
  if (event.key.toLowerCase() === "b") blink(true);
  else if (event.key === "+") zoom(1.4);
  else if (event.key === "-") zoom(1 / 1.4);
  else if (event.key === "0") fit();
  else if (step && current?.volume) go(state.slice + step).catch(complain);
  else return;
  event.preventDefault();
}

function wheel(event) {
  if (event.target.tagName !== "CANVAS") return;
  if (current?.volume && !event.ctrlKey) go(state.slice + (event.deltaY < 0 ? 1 : -1)).catch(complain);
  else if (event.ctrlKey || pen?.view) zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  else return;
  event.preventDefault();
}

wire();
begin().catch(complain);
