// What the tools draw: everything works on masks of one plane, as the page shows them.

// A stroke from one point to the next with a round brush; calls put(x, y) for each pixel it touches.
export function stroke(from, to, radius, width, height, put) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(radius / 2, 0.5)));
  const reach = Math.max(radius, 0.5);
  for (let step = 0; step <= steps; step++) {
    const x = from.x + ((to.x - from.x) * step) / steps;
    const y = from.y + ((to.y - from.y) * step) / steps;
    for (let row = Math.max(0, Math.floor(y - reach)); row <= Math.min(height - 1, Math.ceil(y + reach)); row++) {
      for (let column = Math.max(0, Math.floor(x - reach)); column <= Math.min(width - 1, Math.ceil(x + reach)); column++) {
        if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= reach) put(column, row);
      }
    }
  }
}

// The pixels that hang together with one and are alike, as indices.
export function flood(values, start, width, height) {
  const wanted = values[start];
  const seen = new Uint8Array(values.length);
  const found = [start];
  seen[start] = 1;
  for (let next = 0; next < found.length; next++) {
    const place = found[next];
    const x = place % width;
    for (const other of [x > 0 ? place - 1 : -1, x < width - 1 ? place + 1 : -1, place - width, place + width]) {
      if (other >= 0 && other < width * height && !seen[other] && values[other] === wanted) {
        seen[other] = 1;
        found.push(other);
      }
    }
  }
  return found;
}

// The pixels whose centres lie within a polygon, by the even-odd rule, as a mask.
export function polygon(points, width, height) {
  const mask = new Uint8Array(width * height);
  const rows = points.map((point) => point.y);
  for (let row = Math.max(0, Math.floor(Math.min(...rows))); row <= Math.min(height - 1, Math.ceil(Math.max(...rows))); row++) {
    const y = row + 0.5;
    const crossings = [];
    points.forEach((a, index) => {
      const b = points[(index + 1) % points.length];
      if (a.y > y !== b.y > y) crossings.push(a.x + ((y - a.y) * (b.x - a.x)) / (b.y - a.y));
    });
    crossings.sort((one, other) => one - other);
    for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
      const end = Math.min(width - 1, Math.ceil(crossings[pair + 1] - 0.5) - 1);
      for (let x = Math.max(0, Math.ceil(crossings[pair] - 0.5)); x <= end; x++) mask[row * width + x] = 1;
    }
  }
  return mask;
}

// Squared distances along one line to the nearest zero (Felzenszwalb and Huttenlocher 2012).
function along(line, length) {
  const places = new Int32Array(length);
  const bounds = new Float64Array(length + 1);
  const found = new Float64Array(length);
  let last = 0;
  bounds[0] = -Infinity;
  bounds[1] = Infinity;
  for (let x = 1; x < length; x++) {
    let bound;
    do {
      const p = places[last];
      bound = (line[x] + x * x - (line[p] + p * p)) / (2 * x - 2 * p);
    } while (bound <= bounds[last] && --last >= 0);
    last += 1;
    places[last] = x;
    bounds[last] = bound;
    bounds[last + 1] = Infinity;
  }
  for (let x = 0, at = 0; x < length; x++) {
    while (bounds[at + 1] < x) at += 1;
    found[x] = (x - places[at]) ** 2 + line[places[at]];
  }
  return found;
}

// Distance of each pixel to a mask's edge: positive inside, negative outside.
export function signedDistance(mask, width, height) {
  const far = (width + height) ** 2;
  const to = (inside) => {
    const grid = Float64Array.from(mask, (value) => ((value === 1) === inside ? far : 0));
    for (let x = 0; x < width; x++) {
      const column = new Float64Array(height);
      for (let y = 0; y < height; y++) column[y] = grid[y * width + x];
      along(column, height).forEach((value, y) => { grid[y * width + x] = value; });
    }
    for (let y = 0; y < height; y++) grid.set(along(grid.subarray(y * width, (y + 1) * width), width), y * width);
    return grid;
  };
  const inner = to(true);
  const outer = to(false);
  return inner.map((value, place) => Math.sqrt(value) - Math.sqrt(outer[place]));
}

// The masks between two masks, `count` of them, by their distances mixed (shape-based interpolation).
export function between(first, second, count, width, height) {
  const one = signedDistance(first, width, height);
  const other = signedDistance(second, width, height);
  return Array.from({ length: count }, (_, index) => {
    const share = (index + 1) / (count + 1);
    return Uint8Array.from(one, (value, place) => (value * (1 - share) + other[place] * share > 0 ? 1 : 0));
  });
}
