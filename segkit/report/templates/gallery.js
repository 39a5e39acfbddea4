"use strict";
// The larger pictures open, close and lead on by links alone; this adds keys, zoom and the table's own order.
(() => {
  const gallery = document.getElementById("gallery");
  if (!gallery) return;
  gallery.querySelector(".keys").hidden = false;
  const rowLinks = () => Array.from(document.querySelectorAll("#case-table tbody tr:not([hidden]) a[href^='#larger-']"));
  const opened = () => gallery.querySelector(".larger:target");
  const full = gallery.querySelector(".toggle-full");
  let zoom = 1, last = null;

  const zoomTo = (wanted, x = 0.5, y = 0.5) => {
    const view = opened()?.querySelector(".view");
    if (!view) return;
    const before = [(view.scrollLeft + x * view.clientWidth) / view.scrollWidth, (view.scrollTop + y * view.clientHeight) / view.scrollHeight];
    zoom = Math.max(1, Math.min(16, wanted));
    view.style.setProperty("--zoom", zoom);
    view.scrollLeft = before[0] * view.scrollWidth - x * view.clientWidth;
    view.scrollTop = before[1] * view.scrollHeight - y * view.clientHeight;
  };

  // Before and next follow the table as it is sorted and filtered now.
  const follow = (figure) => {
    const order = [...new Set(rowLinks().map((link) => link.hash))];
    const place = order.indexOf(`#${figure.id}`);
    if (place < 0) return;
    for (const [name, hash] of [["before", order[place - 1]], ["after", order[place + 1]]]) {
      const link = figure.querySelector(`.${name}`);
      if (link) { link.hidden = !hash; if (hash) link.href = hash; }
    }
  };

  const turn = () => {
    const figure = opened();
    zoom = 1;
    last?.querySelector(".view").style.removeProperty("--zoom");
    gallery.classList.remove("bare");
    if (figure) {
      follow(figure);
      figure.focus({ preventScroll: true });
    } else if (last) {
      // Back where one came from: the case's row.
      (rowLinks().find((link) => link.hash === `#${last.id}`) ?? document.querySelector("#case-table a"))?.focus();
    }
    last = figure;
  };
  addEventListener("hashchange", turn);
  turn();

  addEventListener("keydown", (event) => {
    const figure = opened();
    if (!figure || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowRight: ".after", ArrowLeft: ".before", Escape: ".back" }[event.key];
    const link = way && figure.querySelector(way);
    const scrolls = zoom > 1 || full.checked;
    if (link && !link.hidden && !(scrolls && way !== ".back")) { event.preventDefault(); link.click(); }
    if (event.key === "+" || event.key === "=") zoomTo(zoom * 1.5);
    if (event.key === "-") zoomTo(zoom / 1.5);
    if (event.key.toLowerCase() === "b") gallery.classList.add("bare");
  });
  addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "b") gallery.classList.remove("bare"); });

  for (const view of gallery.querySelectorAll(".view")) {
    view.addEventListener("wheel", (event) => {
      event.preventDefault();
      const frame = view.getBoundingClientRect();
      zoomTo(zoom * (event.deltaY < 0 ? 1.25 : 0.8), (event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height);
    }, { passive: false });
    view.addEventListener("pointermove", (event) => {
      if (event.buttons !== 1 || event.pointerType !== "mouse") return;
      view.scrollLeft -= event.movementX;
      view.scrollTop -= event.movementY;
    });
    view.addEventListener("dragstart", (event) => event.preventDefault());
  }
})();
