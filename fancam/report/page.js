"use strict";
// Everything is delegated to the document, so that each picture works as soon as it has arrived.
(() => {
  const NEAR_BAR_PX = 28, STEP_PERCENT = 2, PAN_SHARE = 0.1;
  const states = new WeakMap(); // view -> {zoom (0: fit), x, y in CSS pixels, centre in shares}
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
  const viewOf = (event) => (event.target instanceof Element ? event.target.closest(".view") : null);
  const stackOf = (view) => view.querySelector(".stack");
  const stateOf = (view) => {
    if (!states.has(view)) states.set(view, { zoom: 0, x: 0, y: 0, centre: [0.5, 0.5] });
    return states.get(view);
  };
  const splitOf = (view) => Number(view.querySelector("input[type=range]").value);

  function setSplit(view, percent) {
    const range = view.querySelector("input[type=range]");
    range.value = clamp(percent, 0, 100);
    stackOf(view).style.setProperty("--split", `${range.value}%`);
    const shown = Math.round(range.value);
    const [left, right] = ["left", "right"].map((side) => view.querySelector(`figure.${side}`).dataset.label);
    range.setAttribute("aria-valuetext", `${left} ${shown} %, ${right} ${100 - shown} %`);
  }

  // Choosing what the other side shows swaps the two: a picture beside itself tells nothing.
  function choose(view, side, index) {
    const figures = [...view.querySelectorAll("figure")];
    const other = side === "left" ? "right" : "left";
    const before = figures.findIndex((figure) => figure.classList.contains(side));
    const opposite = figures.findIndex((figure) => figure.classList.contains(other));
    const places = { [side]: index, [other]: opposite === index ? before : opposite };
    figures.forEach((figure, i) => {
      for (const name of ["left", "right"]) figure.classList.toggle(name, places[name] === i);
    });
    for (const select of view.querySelectorAll("select")) select.selectedIndex = places[select.dataset.side];
    setSplit(view, splitOf(view));
  }

  function pictureSize(view) {
    const image = view.querySelector("img"), scale = stateOf(view).zoom / window.devicePixelRatio;
    return [image.getAttribute("width") * scale, image.getAttribute("height") * scale];
  }

  function pan(view, x, y) {
    const stack = stackOf(view), state = stateOf(view), [width, height] = pictureSize(view);
    const ratio = window.devicePixelRatio;
    const snap = (value) => Math.round(value * ratio) / ratio; // whole device pixels: nothing is resampled
    state.x = snap(clamp(x, Math.min(stack.clientWidth - width, 0), 0));
    state.y = snap(clamp(y, Math.min(stack.clientHeight - height, 0), 0));
    state.centre = [(stack.clientWidth / 2 - state.x) / width, (stack.clientHeight / 2 - state.y) / height];
    stack.style.setProperty("--x", `${state.x}px`);
    stack.style.setProperty("--y", `${state.y}px`);
  }

  // The point of the picture (in shares of its size) comes to lie as near to the place on the stack as it can.
  function setZoom(view, zoom, point, place) {
    const stack = stackOf(view), state = stateOf(view);
    state.zoom = zoom;
    stack.classList.toggle("zoomed", zoom > 0);
    for (const button of view.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.zoom) === zoom));
    }
    if (zoom === 0) return;
    const [width, height] = pictureSize(view);
    stack.style.setProperty("--w", `${width}px`);
    stack.style.setProperty("--h", `${height}px`);
    stack.style.setProperty("--scale", zoom / window.devicePixelRatio);
    const [fx, fy] = point ?? view.dataset.focus.split(" ").map(Number);
    const [px, py] = place ?? [0.5, 0.5];
    pan(view, px * stack.clientWidth - fx * width, py * stack.clientHeight - fy * height);
  }

  const zoomable = (view) => view.querySelector("button[data-zoom]") !== null;

  document.addEventListener("input", (event) => {
    const view = viewOf(event);
    if (view && event.target.type === "range") setSplit(view, Number(event.target.value));
  });
  document.addEventListener("change", (event) => {
    const view = viewOf(event);
    if (view && event.target.dataset.side) choose(view, event.target.dataset.side, event.target.selectedIndex);
  });
  document.addEventListener("click", (event) => {
    const view = viewOf(event), button = event.target.closest?.("button[data-zoom]");
    if (!view || !button) return;
    setZoom(view, Number(button.dataset.zoom), stateOf(view).zoom > 0 ? stateOf(view).centre : undefined);
  });

  let drag = null; // {view, panning, x, y, left, top, started}: where the pointer and the picture were at its start
  const shares = (stack, event) => {
    const box = stack.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  function follow(event) {
    if (drag.panning) pan(drag.view, drag.left + event.clientX - drag.x, drag.top + event.clientY - drag.y);
    else setSplit(drag.view, 100 * shares(stackOf(drag.view), event)[0]);
  }
  document.addEventListener("pointerdown", (event) => {
    const view = viewOf(event), stack = event.target.closest?.(".stack");
    if (!view || !stack || event.button !== 0 || !event.isPrimary) return;
    const state = stateOf(view), box = stack.getBoundingClientRect();
    const toBar = Math.abs(event.clientX - box.left - (splitOf(view) / 100) * box.width);
    const panning = state.zoom > 0 && toBar > NEAR_BAR_PX;
    // A finger may be about to scroll the page; it has to go sideways before the line follows it.
    const started = panning || event.pointerType === "mouse";
    drag = { view, panning, started, x: event.clientX, y: event.clientY, left: state.x, top: state.y };
    stack.setPointerCapture(event.pointerId);
    if (started) follow(event);
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || !event.isPrimary) return;
    drag.started ||= Math.abs(event.clientX - drag.x) > Math.abs(event.clientY - drag.y);
    if (drag.started) follow(event);
  });
  document.addEventListener("pointerup", (event) => {
    if (drag && event.isPrimary) follow(event);
    drag = null;
  });
  document.addEventListener("pointercancel", () => { drag = null; });
  document.addEventListener("dblclick", (event) => {
    const view = viewOf(event), stack = event.target.closest?.(".stack");
    if (!view || !stack || !zoomable(view)) return;
    const place = shares(stack, event);
    setZoom(view, stateOf(view).zoom > 0 ? 0 : 1, place, place);
  });

  document.addEventListener("keydown", (event) => {
    const view = viewOf(event);
    if (!view || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.toLowerCase() === "z" && zoomable(view) && !event.target.matches("select")) {
      setZoom(view, stateOf(view).zoom > 0 ? 0 : 1);
    }
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!moves || !event.target.matches(".stack")) return;
    const state = stateOf(view), stack = event.target;
    if (state.zoom > 0) {
      const step = PAN_SHARE * Math.min(stack.clientWidth, stack.clientHeight);
      pan(view, state.x - moves[0] * step, state.y - moves[1] * step);
    } else if (moves[0]) setSplit(view, splitOf(view) + moves[0] * STEP_PERCENT);
    else return; // up and down scroll the page
    event.preventDefault();
  });

  window.addEventListener("resize", () => {
    for (const view of document.querySelectorAll(".view")) {
      const state = stateOf(view);
      if (state.zoom > 0) setZoom(view, state.zoom, state.centre);
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const view of document.querySelectorAll(".view")) {
      setSplit(view, splitOf(view)); // a browser that comes back to the page keeps the slider, not the picture
      if (view.dataset.zoom) setZoom(view, Number(view.dataset.zoom));
    }
  });
  document.documentElement.classList.add("live");
})();
