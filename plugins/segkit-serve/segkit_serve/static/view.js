// One model's view of the image: picture, mask, heat map; drawn at a place and scale that all views share.

export class View {
  constructor(name, state, redrawAll) {
    this.state = state;
    this.redrawAll = redrawAll;
    this.element = document.createElement("figure");
    this.element.className = "view";
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `Image with the mask of ${name}`);
    this.caption = document.createElement("figcaption");
    this.element.append(this.canvas, this.caption);
    this.picture = null;
    this.map = null;
    this.heat = null;
    this.layer = document.createElement("canvas");
    this.heatLayer = document.createElement("canvas");
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  get width() { return this.map.width; }
  get height() { return this.map.height; }

  // Height of a pixel as wide as one unit.
  get aspect() { return this.state.aspect; }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    const size = [Math.round(box.width * ratio), Math.round(box.height * ratio)];
    if (!size[0] || (this.canvas.width === size[0] && this.canvas.height === size[1])) return;
    [this.canvas.width, this.canvas.height] = size;
    this.draw();
  }

  // Scale and corner that show the whole image.
  fitted() {
    const scale = Math.min(this.canvas.width / this.width, this.canvas.height / (this.height * this.aspect));
    return { scale, x: (this.canvas.width - this.width * scale) / 2, y: (this.canvas.height - this.height * this.aspect * scale) / 2 };
  }

  place() {
    const fit = this.fitted();
    const { zoom, panX, panY } = this.state;
    const scale = fit.scale * zoom;
    const x = this.canvas.width / 2 - (this.width / 2 + panX) * scale;
    const y = this.canvas.height / 2 - (this.height / 2 + panY) * this.aspect * scale;
    return { scale, x, y };
  }

  // The pixel of the image under a pointer.
  pixel(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    const { scale, x, y } = this.place();
    return { x: ((event.clientX - box.left) * ratio - x) / scale, y: ((event.clientY - box.top) * ratio - y) / (scale * this.aspect) };
  }

  // Make the coloured mask of the slice that is shown anew.
  paint() {
    const { width, height, map, state } = this;
    if (this.layer.width !== width || this.layer.height !== height) { this.layer.width = width; this.layer.height = height; }
    const context = this.layer.getContext("2d");
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const soft = this.heat ? 0 : Math.round(state.opacity * 255); // under a heat map the outline alone: two tints are none
    const labels = map.classes.map((_, index) => index + 1).filter((label) => !state.hidden.has(label));
    for (const label of labels) {
      const mask = map.mask(state.slice, label);
      const [red, green, blue] = state.colours[label - 1];
      const colour = (blue << 16) | (green << 8) | red;
      for (let place = 0; place < mask.length; place++) {
        if (mask[place]) pixels[place] = (((state.outline && this.isEdge(mask, place, 0) ? 255 : soft) << 24) | colour) >>> 0;
        // A dark line beside the coloured one: orange alone is lost on brown skin (issue 27).
        else if (state.outline && !(pixels[place] >>> 24) && this.isEdge(mask, place, 1)) pixels[place] = 0xb0000000;
      }
    }
    context.putImageData(image, 0, 0);
    this.paintHeat();
  }

  // Whether one of a pixel's four neighbours is another value than its own.
  isEdge(mask, place, wanted) {
    const { width } = this;
    const x = place % width;
    const rim = wanted === 0 ? 0 : 2;
    const left = x > 0 ? mask[place - 1] : rim;
    const right = x < width - 1 ? mask[place + 1] : rim;
    return left === wanted || right === wanted || (mask[place - width] ?? rim) === wanted || (mask[place + width] ?? rim) === wanted;
  }

  paintHeat() {
    if (!this.heat) return;
    const { width, height } = this;
    this.heatLayer.width = width;
    this.heatLayer.height = height;
    const context = this.heatLayer.getContext("2d");
    const image = context.createImageData(width, height);
    const from = this.map.flipped ? this.state.slice * width * height : 0;
    for (let place = 0; place < width * height; place++) {
      const value = this.heat[from + (this.map.flipped ? width * height - 1 - place : place)];
      const [red, green, blue] = heatColour(value / 255);
      image.data.set([red, green, blue, Math.round(255 * (0.1 + 0.9 * (value / 255)))], place * 4);
    }
    context.putImageData(image, 0, 0);
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.map || !this.picture) return;
    const { scale, x, y } = this.place();
    const size = [x, y, this.width * scale, this.height * this.aspect * scale];
    context.imageSmoothingEnabled = scale < 4;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.picture, ...size);
    if (this.state.blink) return;
    if (this.heat) {
      context.globalAlpha = this.state.heatOpacity;
      context.drawImage(this.heatLayer, ...size);
      context.globalAlpha = 1;
    }
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(this.layer, ...size);
    this.drawPolygon(context);
    this.drawBrush(context);
  }

  drawPolygon(context) {
    const points = this.polygon ?? [];
    if (!points.length) return;
    const { scale, x, y } = this.place();
    const path = new Path2D();
    points.forEach((point, index) => path[index ? "lineTo" : "moveTo"](x + point.x * scale, y + point.y * scale * this.aspect));
    for (const [colour, width] of [["#000", 5], ["#fff", 2]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.stroke(path);
    }
    for (const point of points) context.fillRect(x + point.x * scale - 4, y + point.y * scale * this.aspect - 4, 8, 8);
  }

  drawBrush(context) {
    const brush = this.brush;
    if (!brush) return;
    const { scale, x, y } = this.place();
    for (const [colour, width] of [["#000", 3], ["#fff", 1]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.ellipse(x + brush.x * scale, y + brush.y * scale * this.aspect, Math.max(brush.radius, 0.5) * scale, Math.max(brush.radius, 0.5) * scale * this.aspect, 0, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

// Dark blue over green to yellow, from dark to light, as the reports' heat maps.
const HEAT = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

function heatColour(share) {
  const place = Math.min(share, 0.9999) * (HEAT.length - 1);
  const [low, high] = [HEAT[Math.floor(place)], HEAT[Math.floor(place) + 1]];
  const rest = place - Math.floor(place);
  return low.map((value, channel) => Math.round(value + (high[channel] - value) * rest));
}
