// A label map on the image's own grid: one byte per pixel; of overlapping classes a plane of 0 and 1 for each.
// Slices are addressed as the page shows them: of volumes anterior is up and the patient's right is left.

export class LabelMap {
  constructor(values, grid, overlapping, classes) {
    this.values = values;
    this.classes = classes;
    this.overlapping = overlapping;
    this.depth = grid.length === 3 ? grid[0] : 1;
    this.height = grid[grid.length - 2];
    this.width = grid[grid.length - 1];
    this.flipped = grid.length === 3;
    this.plane = this.height * this.width;
    this.done = [];
    this.undone = [];
  }

  // Offset of a class's plane of a slice in `values`.
  offset(slice, label) {
    return this.plane * (this.overlapping ? (label - 1) * this.depth + slice : slice);
  }

  // Where a pixel of the page lies within a plane.
  at(x, y) {
    return this.flipped ? (this.height - 1 - y) * this.width + (this.width - 1 - x) : y * this.width + x;
  }

  has(slice, label, place) {
    const value = this.values[this.offset(slice, label) + place];
    return this.overlapping ? value === 1 : value === label;
  }

  // Which pixels of a slice are of a class, as the page shows them.
  mask(slice, label) {
    const found = new Uint8Array(this.plane);
    const from = this.offset(slice, label);
    const wanted = this.overlapping ? 1 : label;
    for (let place = 0; place < this.plane; place++) {
      if (this.values[from + place] === wanted) found[this.flipped ? this.plane - 1 - place : place] = 1;
    }
    return found;
  }

  put(slice, label, place, inside) {
    const index = this.offset(slice, label) + place;
    if (this.overlapping) this.values[index] = inside ? 1 : 0;
    else if (inside) this.values[index] = label;
    else if (this.values[index] === label) this.values[index] = 0;
  }

  // Keep what some slices are before they are changed, so that it can be had again.
  remember(slices) {
    this.done.push(this.copies(slices));
    if (this.done.length > 30) this.done.shift();
    this.undone = [];
  }

  copies(slices) {
    const found = [];
    for (const slice of slices) {
      const labels = this.overlapping ? this.classes.map((_, index) => index + 1) : [1];
      for (const label of labels) {
        const from = this.offset(slice, label);
        found.push({ slice, from, values: this.values.slice(from, from + this.plane) });
      }
    }
    return found;
  }

  step(from, to) {
    const last = from.pop();
    if (!last) return null;
    to.push(this.copies([...new Set(last.map((part) => part.slice))]));
    for (const part of last) this.values.set(part.values, part.from);
    return last[0].slice;
  }

  undo() { return this.step(this.done, this.undone); }
  redo() { return this.step(this.undone, this.done); }

  count(label) {
    let found = 0;
    if (this.overlapping) {
      const from = this.offset(0, label);
      for (let place = 0; place < this.plane * this.depth; place++) found += this.values[from + place];
    } else for (const value of this.values) found += value === label ? 1 : 0;
    return found;
  }
}
