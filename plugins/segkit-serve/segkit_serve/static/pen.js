// The tools that correct a mask: brush, eraser, fill, polygon, undo, interpolation between slices; pan and pinch.

import { between, flood, polygon, stroke } from "./shapes.js";

const TOOLS = [["move", "Move", "v"], ["brush", "Brush", "d"], ["eraser", "Eraser", "e"], ["fill", "Fill", "f"], ["polygon", "Polygon", "p"]];

export class Pen {
  constructor(bar, state, page) {
    Object.assign(this, { bar, state, page, tool: "move", radius: 6, label: 1, view: null, unsaved: false, pointers: new Map() });
    this.drawn = new Map();
  }

  // Listen to what is done on the views of a case.
  open(views, current, info) {
    this.close();
    Object.assign(this, { views, current, info });
    for (const view of views) {
      const canvas = view.canvas;
      canvas.addEventListener("pointerdown", (event) => this.down(view, event));
      canvas.addEventListener("pointermove", (event) => this.moved(view, event));
      for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.up(view, event));
      canvas.addEventListener("pointerleave", () => { view.brush = null; view.draw(); });
      canvas.addEventListener("dblclick", () => this.closePolygon());
    }
  }

  close() {
    this.view = null;
    this.unsaved = false;
    this.bar.hidden = true;
    this.tool = "move";
    this.drawn.clear();
  }

  // Begin to correct one model's mask.
  begin(view) {
    this.view = view;
    this.version = this.version ?? null;
    this.label = 1;
    this.radius = Math.max(2, Math.round(Math.min(view.width, view.height) / 40));
    this.fillBar();
    this.bar.hidden = false;
    this.use("brush");
    view.canvas.scrollIntoView({ block: "nearest" });
    for (const other of this.views) other.element.classList.toggle("corrected", other === view);
  }

  fillBar() {
    const { element, button } = this.page;
    this.bar.replaceChildren();
    const tools = element("span", undefined, { class: "group", role: "group", "aria-label": "Tool" });
    for (const [name, text, key] of TOOLS) tools.append(button(text, () => this.use(name), { "data-tool": name, "aria-pressed": "false", title: `${text} (${key.toUpperCase()})` }));
    const size = element("label", "Size ");
    const range = element("input", undefined, { type: "range", min: "0.5", max: "60", step: "0.5", id: "radius" });
    range.value = this.radius;
    range.addEventListener("input", () => { this.radius = Number(range.value); });
    size.append(range);
    const label = element("label", "Class ");
    const choice = element("select", undefined, { id: "pen-class" });
    this.view.map.classes.forEach((name, index) => choice.append(element("option", name, { value: index + 1 })));
    choice.addEventListener("change", () => { this.label = Number(choice.value); });
    label.append(choice);
    const steps = element("span", undefined, { class: "group", role: "group", "aria-label": "Steps" });
    steps.append(button("Undo", () => this.back("undo"), { title: "Ctrl+Z" }), button("Redo", () => this.back("redo"), { title: "Ctrl+Y" }));
    if (this.view.map.depth > 1) steps.append(button("Fill slices between", () => this.interpolate(), { id: "between", title: "Between the slices that you have drawn on (I)" }));
    this.bar.append(tools, size, label, steps, this.savingBar());
  }

  savingBar() {
    const { element, button } = this.page;
    const group = element("span", undefined, { class: "group", role: "group", "aria-label": "Result" });
    group.append(button("Download", () => this.download(), { id: "download-corrected" }));
    if (this.info.keeps_corrections) {
      const label = element("label", "by ");
      const name = element("input", undefined, { id: "who", maxlength: "40", size: "10", placeholder: "optional", autocomplete: "off", "aria-label": "Your name, optional" });
      label.append(name);
      group.append(label, button("Save", () => this.save(name.value), { id: "save", class: "primary" }));
    }
    return group;
  }

  use(tool) {
    this.tool = tool;
    for (const one of this.bar.querySelectorAll("[data-tool]")) one.setAttribute("aria-pressed", String(one.dataset.tool === tool));
    for (const view of this.views) {
      view.brush = null;
      view.polygon = null;
      view.canvas.dataset.tool = view === this.view ? tool : "move";
      view.draw();
    }
  }

  drawing(view) { return view === this.view && this.tool !== "move"; }

  down(view, event) {
    view.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const point = view.pixel(event);
    if (this.pointers.size > 1 || !this.drawing(view) || event.button === 1) { this.stop(); return; }
    event.preventDefault();
    if (this.tool === "fill") this.fill(view, point);
    else if (this.tool === "polygon") { view.polygon = [...(view.polygon ?? []), point]; view.draw(); }
    else {
      view.map.remember([this.state.slice]);
      this.last = point;
      this.draw(view, point);
    }
  }

  moved(view, event) {
    const before = this.pointers.get(event.pointerId);
    const point = view.pixel(event);
    if (this.drawing(view) && (this.tool === "brush" || this.tool === "eraser")) view.brush = { ...point, radius: this.radius };
    if (!before) { if (view.brush) view.draw(); return; }
    const now = { x: event.clientX, y: event.clientY };
    if (this.pointers.size === 2) this.pinch(view, event.pointerId, now);
    else if (this.last) this.draw(view, point);
    else if (!this.drawing(view)) this.pan(view, now.x - before.x, now.y - before.y);
    this.pointers.set(event.pointerId, now);
  }

  up(view, event) {
    this.pointers.delete(event.pointerId);
    if (this.last) this.after(view, [this.state.slice]);
    this.stop();
  }

  stop() { this.last = null; }

  pan(view, x, y) {
    const { scale } = view.place();
    const ratio = view.canvas.width / view.canvas.getBoundingClientRect().width;
    this.state.panX -= (x * ratio) / scale;
    this.state.panY -= (y * ratio) / (scale * view.aspect);
    this.page.redraw();
  }

  pinch(view, moved, now) {
    const [[, other]] = [...this.pointers].filter(([id]) => id !== moved);
    const before = this.pointers.get(moved);
    const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    this.state.zoom = Math.max(0.5, Math.min(40, this.state.zoom * factor));
    this.pan(view, (now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  draw(view, point) {
    const { map } = view;
    const inside = this.tool === "brush";
    stroke(this.last, point, this.radius, map.width, map.height, (x, y) => map.put(this.state.slice, this.label, map.at(x, y), inside));
    this.last = point;
    view.paint();
    view.draw();
  }

  fill(view, point) {
    const { map } = view;
    const [x, y] = [Math.floor(point.x), Math.floor(point.y)];
    if (x < 0 || y < 0 || x >= map.width || y >= map.height) return;
    const mask = map.mask(this.state.slice, this.label);
    const start = y * map.width + x;
    const inside = !mask[start];
    map.remember([this.state.slice]);
    for (const place of flood(mask, start, map.width, map.height)) map.put(this.state.slice, this.label, map.at(place % map.width, Math.floor(place / map.width)), inside);
    this.after(view, [this.state.slice]);
  }

  closePolygon() {
    const view = this.view;
    const points = view?.polygon ?? [];
    if (points.length < 3) return false;
    view.polygon = null;
    const { map } = view;
    map.remember([this.state.slice]);
    polygon(points, map.width, map.height).forEach((inside, place) => {
      if (inside) map.put(this.state.slice, this.label, map.at(place % map.width, Math.floor(place / map.width)), true);
    });
    this.after(view, [this.state.slice]);
    return true;
  }

  // What follows every change: it is shown, counted, and not yet saved.
  after(view, slices) {
    for (const slice of slices) this.noteDrawn(slice);
    this.unsaved = true;
    view.paint();
    view.draw();
    this.page.changed(view);
  }

  noteDrawn(slice) {
    const known = this.drawn.get(this.label) ?? new Set();
    this.drawn.set(this.label, known.add(slice));
  }

  interpolate() {
    const { map } = this.view;
    const slices = [...(this.drawn.get(this.label) ?? [])].sort((one, other) => one - other);
    const gaps = slices.slice(1).map((slice, index) => [slices[index], slice]).filter(([one, other]) => other - one > 1);
    if (!gaps.length) throw new Error("draw on two slices of this class first, with others between them");
    const changed = gaps.flatMap(([one, other]) => Array.from({ length: other - one - 1 }, (_, index) => one + 1 + index));
    map.remember(changed);
    for (const [one, other] of gaps) {
      const found = between(map.mask(one, this.label), map.mask(other, this.label), other - one - 1, map.width, map.height);
      found.forEach((mask, index) => mask.forEach((inside, place) => {
        map.put(one + 1 + index, this.label, map.at(place % map.width, Math.floor(place / map.width)), inside === 1);
      }));
    }
    this.unsaved = true;
    this.view.paint();
    this.view.draw();
    this.page.changed(this.view);
    this.page.say(`${changed.length} slices filled between those that were drawn on.`);
  }

  back(which) {
    const slice = this.view.map[which]();
    if (slice === null) return;
    this.unsaved = true;
    if (this.view.map.depth > 1 && slice !== this.state.slice) this.page.go(slice);
    this.view.paint();
    this.view.draw();
    this.page.changed(this.view);
  }

  key(event) {
    if (!this.view) return false;
    const key = event.key.toLowerCase();
    if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y")) {
      this.back(key === "y" || event.shiftKey ? "redo" : "undo");
      return true;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    const tool = TOOLS.find(([, , letter]) => letter === key);
    if (tool) this.use(tool[0]);
    else if (key === "enter" && this.tool === "polygon" && event.target.tagName !== "BUTTON") return this.closePolygon();
    else if (key === "escape" && this.view.polygon) { this.view.polygon = null; this.view.draw(); }
    else if (key === "i" && this.view.map.depth > 1) { try { this.interpolate(); } catch (error) { this.page.complain(error); } }
    else if (key === "[" || key === "]") {
      this.radius = Math.max(0.5, Math.min(60, this.radius * (key === "]" ? 1.25 : 0.8)));
      document.getElementById("radius").value = this.radius;
    } else return false;
    return true;
  }

  async download() {
    const body = await this.page.packed(this.view.map.values);
    const response = await this.page.ask(`/api/cases/${this.current.case}/models/${this.view.model.number}/corrected`, { method: "POST", body });
    const name = decodeURIComponent((response.headers.get("content-disposition") ?? "").split("''")[1] ?? "mask");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await response.blob());
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    this.page.say(`Handed over as ${name}.`);
  }

  async save(who) {
    const place = `/api/cases/${this.current.case}/models/${this.view.model.number}/corrections`;
    const known = this.current.version ?? 0;
    const body = await this.page.packed(this.view.map.values);
    const query = new URLSearchParams({ version: String(known), who });
    let saved;
    try {
      saved = await this.page.json(`${place}?${query}`, { method: "POST", body });
    } catch (error) {
      if (error.status === 409) this.current.version = error.told.version;
      throw error;
    }
    this.current.version = saved.version;
    this.unsaved = false;
    this.page.complain(null);
    this.page.say(`Saved as version ${saved.version}: ${saved.pixels.toLocaleString("en")} pixels are other than proposed.`);
  }
}
