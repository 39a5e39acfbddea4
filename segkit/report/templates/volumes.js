"use strict";
(() => {
  // Each plane: axis that is scrolled through, axis down, axis to the right; both of these run towards smaller numbers,
  // so that superior or anterior is up and the patient's right is left.
  const PLANES = [["axial", 0, 1, 2], ["coronal", 1, 0, 2], ["sagittal", 2, 0, 1]];

  const unpack = async (text) => {
    const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const made = (name, text, parent) => {
    const element = document.createElement(name);
    if (text) element.textContent = text;
    parent.append(element);
    return element;
  };

  const show = async (box) => {
    const data = box.dataset;
    const shape = data.shape.split(" ").map(Number), spacing = data.spacing.split(" ").map(Number);
    const colours = data.colours.split(" ").map((colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16)));
    const [image, reference, prediction] = await Promise.all([unpack(data.image), unpack(data.reference), unpack(data.prediction)]);
    const strides = [shape[1] * shape[2], shape[2], 1];
    const at = shape.map((side, axis) => middle(prediction, reference, shape, strides, axis));
    const state = { opacity: 0.5, reference: true, prediction: true, hidden: false };
    box.replaceChildren();
    const bar = made("div", "", box);
    bar.className = "volume-bar";
    for (const name of ["reference", "prediction"]) {
      const label = made("label", "", bar), input = made("input", "", label);
      input.type = "checkbox";
      input.checked = true;
      label.append(name === "reference" ? " reference (outline)" : " prediction (filled)");
      input.addEventListener("change", () => { state[name] = input.checked; draw(); });
    }
    const label = made("label", "opacity ", bar), range = made("input", "", label);
    Object.assign(range, { type: "range", min: "0", max: "1", step: "0.05", value: "0.5" });
    range.addEventListener("input", () => { state.opacity = Number(range.value); draw(); });
    const views = made("div", "", box);
    views.className = "volume-planes";
    const planes = PLANES.map(([name, through, down, right]) => {
      const figure = made("figure", "", views), canvas = made("canvas", "", figure), caption = made("figcaption", "", figure);
      canvas.tabIndex = 0;
      canvas.width = shape[right];
      canvas.height = shape[down];
      canvas.setAttribute("role", "img");
      canvas.style.aspectRatio = `${shape[right] * spacing[right]} / ${shape[down] * spacing[down]}`;
      const go = (step) => { at[through] = Math.max(0, Math.min(shape[through] - 1, at[through] + step)); draw(); };
      canvas.addEventListener("wheel", (event) => { event.preventDefault(); go(event.deltaY < 0 ? 1 : -1); }, { passive: false });
      canvas.addEventListener("keydown", (event) => {
        const step = { ArrowUp: 1, ArrowRight: 1, PageUp: 5, ArrowDown: -1, ArrowLeft: -1, PageDown: -5 }[event.key];
        if (event.key.toLowerCase() === "b") { state.hidden = true; draw(); }
        if (!step) return;
        event.preventDefault();
        go(step);
      });
      canvas.addEventListener("keyup", () => { if (state.hidden) { state.hidden = false; draw(); } });
      const point = (event) => {
        if (event.buttons !== 1) return;
        const frame = canvas.getBoundingClientRect();
        const x = Math.floor(((event.clientX - frame.left) / frame.width) * shape[right]);
        const y = Math.floor(((event.clientY - frame.top) / frame.height) * shape[down]);
        at[right] = Math.max(0, Math.min(shape[right] - 1, shape[right] - 1 - x));
        at[down] = Math.max(0, Math.min(shape[down] - 1, shape[down] - 1 - y));
        draw();
      };
      canvas.addEventListener("pointerdown", point);
      canvas.addEventListener("pointermove", point);
      return { name, through, down, right, canvas, caption };
    });

    const draw = () => {
      for (const { name, through, down, right, canvas, caption } of planes) {
        const context = canvas.getContext("2d"), [width, height] = [shape[right], shape[down]];
        const picture = context.createImageData(width, height), pixels = picture.data;
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const [v, h] = [height - 1 - y, width - 1 - x];
            const place = at[through] * strides[through] + v * strides[down] + h * strides[right];
            let [red, green, blue] = [image[place], image[place], image[place]];
            const mix = (colour, share) => {
              red += (colour[0] - red) * share; green += (colour[1] - green) * share; blue += (colour[2] - blue) * share;
            };
            if (!state.hidden && state.prediction && prediction[place]) mix(colours[(prediction[place] - 1) % colours.length], state.opacity);
            if (!state.hidden && state.reference) {
              const label = reference[place];
              const edge = label && label !== 255 && ((v > 0 && reference[place - strides[down]] !== label) || (v < height - 1 && reference[place + strides[down]] !== label)
                || (h > 0 && reference[place - strides[right]] !== label) || (h < width - 1 && reference[place + strides[right]] !== label));
              if (edge) mix([255, 255, 255], 0.9);
            }
            if ((h === at[right] || v === at[down]) && !state.hidden) mix([86, 180, 233], 0.35);
            pixels.set([red, green, blue, 255], 4 * (y * width + x));
          }
        }
        context.putImageData(picture, 0, 0);
        caption.textContent = `${name} ${at[through] + 1} of ${shape[through]}`;
        canvas.setAttribute("aria-label", `${data.name}, ${caption.textContent}`);
      }
    };
    draw();
  };

  // The place along an axis with most that is marked.
  const middle = (prediction, reference, shape, strides, axis) => {
    const counts = new Array(shape[axis]).fill(0);
    for (let place = 0; place < reference.length; place++) {
      if (reference[place] || prediction[place]) counts[Math.floor(place / strides[axis]) % shape[axis]] += 1;
    }
    const most = Math.max(...counts);
    return most ? counts.indexOf(most) : Math.floor(shape[axis] / 2);
  };

  for (const details of document.querySelectorAll("details.volume")) {
    const box = details.querySelector(".volume-viewer");
    const once = () => {
      if (!details.open || box.dataset.begun) return;
      box.dataset.begun = "yes";
      show(box).catch(() => { box.textContent = "This browser cannot unpack the volume; a current one can."; });
    };
    details.addEventListener("toggle", once);
    once();
  }
})();
