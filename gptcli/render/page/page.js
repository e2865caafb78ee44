"use strict";
// Chooses what is shown: every word comes from the data, and is written as text.
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const data = JSON.parse(byId("data").textContent);
  const { facts, maps } = data;
  const kinds = facts.kinds.map((kind) => ({
    ...kind,
    numbers: kind.runs.flatMap(([first, times]) => [...Array(times).keys()].map((number) => first + number)),
    now: kind.runs[0][0], // whose figures are shown
  }));
  const words = [...kinds.map((kind) => kind.block), ...facts.again, ...facts.steps];
  const steps = new Map(words.map((step) => [step.path, step]));
  const explorer = byId("explorer");
  const wide = matchMedia("(min-width: 62rem)");
  let block = 0;
  let level = "model";
  let chosen = null;

  document.documentElement.classList.add("js");

  function make(name, properties = {}, ...children) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key === "class") node.className = value;
      else if (value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  function draw(name, properties = {}, ...children) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(properties)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  }

  const kindOf = (path) => kinds.find((kind) => path === kind.block.path || path.startsWith(`${kind.block.path}.`));
  const kindAt = (number) => kinds.find((kind) => kind.numbers.includes(number));

  // h.{0..4,6}.attn is the path of all blocks of a kind, h.4.attn that of one.
  function at(path, number) {
    const kind = kindOf(path);
    return kind ? path.replace(/\{[^}]*\}/, String(number === undefined ? kind.now : number)) : path;
  }

  const figuresOf = (path, number) => facts.figures[at(path, number)];

  // --- the chosen step -------------------------------------------------------------------------------------------

  function term(list, name, value) {
    if (!value || value.length === 0) return;
    const lines = Array.isArray(value) ? value : [value];
    list.append(make("dt", {}, name));
    list.append(make("dd", {}, ...lines.map((line) => make("div", {}, line))));
  }

  function described(step) {
    const list = make("dl", { class: "figures" });
    const output = make("div", {}, make("code", {}, `${step.symbols} = ${step.shape}`));
    list.append(make("dt", {}, "Output"), make("dd", {}, output));
    term(list, "Reads", step.reads);
    term(list, "Weights", step.weights);
    term(list, "Parameters", step.parameters);
    term(list, "FLOPs", step.flops);
    term(list, "Bytes", step.bytes);
    return list;
  }

  function range(figures) {
    const [mean, deviation, least, largest] = figures.n;
    const width = largest - least || 1;
    const x = (value) => 10 + (380 * (Math.min(Math.max(value, least), largest) - least)) / width;
    const words = `From ${figures.w[2]} to ${figures.w[3]}, mean ${figures.w[0]}, deviation ${figures.w[1]}`;
    const [from, to] = [x(mean - deviation), x(mean + deviation)];
    const right = draw("text", { x: 390, y: 42, "text-anchor": "end" }, figures.w[3]);
    return draw(
      "svg",
      { viewBox: "0 0 400 48", role: "img", "aria-label": words },
      draw("line", { class: "whole", x1: 10, x2: 390, y1: 16, y2: 16 }),
      draw("rect", { class: "spread", x: from, y: 6, width: Math.max(to - from, 2), height: 20, rx: 4 }),
      draw("line", { class: "middle", x1: x(mean), x2: x(mean), y1: 6, y2: 26 }),
      draw("text", { x: 10, y: 42 }, figures.w[2]),
      right,
    );
  }

  function acrossBlocks(step) {
    const { numbers, now } = kindOf(step.path);
    const each = numbers.map((number) => figuresOf(step.path, number));
    const heights = each.map((figures) => (figures && figures.n.length ? figures.n[1] : 0));
    const most = Math.max(...heights) || 1;
    const width = 400 / heights.length;
    const which = kinds.length > 1 ? numbers.join(", ") : `0 to ${heights.length - 1}`;
    const words = `Deviation in blocks ${which}: ${each.map((figures) => figures.w[1]).join(", ")}`;
    const bars = heights.map((height, place) => {
      const tall = Math.max((60 * height) / most, 1);
      const box = { x: place * width + width * 0.1, y: 64 - tall, width: width * 0.8, height: tall, rx: 2 };
      const bar = draw("rect", { ...box, class: numbers[place] === now ? "now" : "" });
      bar.append(draw("title", {}, `block ${numbers[place]}: ${each[place].w[1]}`));
      return bar;
    });
    const svg = draw("svg", { viewBox: "0 0 400 66", role: "img", "aria-label": words, class: "bars" }, ...bars);
    return [make("h4", {}, "Deviation, block by block"), svg];
  }

  function measured(step) {
    const figures = figuresOf(step.path);
    if (!figures) return [];
    const list = make("dl", { class: "figures" });
    const names = ["Mean", "Deviation", "Least", "Largest", "Zeros", "Time"];
    names.forEach((name, place) => term(list, name, figures.w[place]));
    const title = step.repeated ? `In this run, block ${kindOf(step.path).now}` : "In this run";
    const parts = [make("h4", {}, title)];
    if (figures.b) parts.push(make("p", { class: "run" }, make("strong", {}, `There is ${figures.b} in it.`)));
    if (figures.n.length) parts.push(range(figures));
    parts.push(list);
    if (figures.note) parts.push(make("p", { class: "quiet" }, figures.note));
    if (step.repeated && kindOf(step.path).numbers.length > 1) parts.push(...acrossBlocks(step));
    return [make("div", { class: "ran" }, ...parts)];
  }

  function show() {
    const step = steps.get(chosen);
    const picked = all("[data-pick]").filter((button) => button.dataset.pick === chosen);
    all("[data-pick]").forEach((button) => button.removeAttribute("aria-current"));
    picked.forEach((button) => button.setAttribute("aria-current", "true"));
    all(".inline-detail").forEach((old) => old.remove());
    const head = make("div", { class: "detail-head" });
    head.append(make("h3", {}, step.label), make("code", {}, at(step.path)));
    const content = [head, make("p", {}, step.sentence)];
    if (step.formula) content.push(make("code", { class: "formula" }, step.formula));
    content.push(described(step), ...measured(step));
    const aside = byId("detail");
    aside.hidden = !wide.matches;
    if (wide.matches) {
      aside.className = `detail ${step.family}`;
      aside.replaceChildren(...content);
      return;
    }
    aside.replaceChildren();
    const visible = picked.find((button) => button.closest(".panel").classList.contains("current"));
    if (visible) visible.closest(".box").append(make("div", { class: "inline-detail" }, ...content));
  }

  function choose(path) {
    chosen = path;
    show();
  }

  // --- the levels of zoom ----------------------------------------------------------------------------------------

  const order = all(".panel").map((panel) => panel.dataset.panel);
  const levelOf = (name) => Number(panelOf(name).dataset.level);
  const panelOf = (name) => all(".panel").find((panel) => panel.dataset.panel === name);

  // The panels that a panel enlarges a box of, the nearest first.
  function above(name) {
    const { parent } = panelOf(name).dataset;
    return parent ? [parent, ...above(parent)] : [];
  }

  // Of several kinds of block, the parts of one are offered at a time.
  function offer() {
    const { path } = kindAt(block).block;
    for (const button of all(".levels button")) {
      const panel = panelOf(button.dataset.zoom).dataset;
      button.hidden = panel.level === "3" && panel.kind !== path;
    }
  }

  function zoom(name, { focus = true } = {}) {
    const deeper = levelOf(name) >= levelOf(level);
    level = name;
    const { kind } = panelOf(name).dataset;
    if (kind && kindAt(block).block.path !== kind) setBlock(kindOf(kind).now);
    for (const panel of all(".panel")) {
      const current = panel.dataset.panel === name;
      panel.classList.toggle("current", current);
      panel.classList.toggle("around", above(name).includes(panel.dataset.panel));
      panel.classList.toggle("zoomed", current && focus && deeper);
      panel.classList.toggle("zoomed-out", current && focus && !deeper);
    }
    all(".levels button").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.zoom === name)));
    const opened = all("[data-opens]").find((button) => button.dataset.opens === name);
    const first = panelOf(name).querySelector("[data-pick]");
    choose((opened || first).dataset.pick);
    if (focus) byId(`title-${name}`).focus({ preventScroll: true });
    if (focus && panelOf(name).getBoundingClientRect().top < 0) explorer.scrollIntoView({ block: "start" });
  }

  function setBlock(number) {
    if (!Number.isInteger(number) || number < 0 || number >= facts.blocks) return;
    block = number;
    kindAt(number).now = number;
    if (byId("block")) byId("block").value = String(number);
    offer();
    for (const place of all("[data-deviation]")) {
      const figures = figuresOf(place.dataset.deviation);
      place.textContent = figures ? (figures.b || `\u03c3 ${figures.w[1]}`) : "";
    }
    if (!chosen) return;
    const [twin, kind] = [twinOf(level), kindOf(chosen)];
    if (twin !== level) follow(twin);
    else if (level === "model" && kind) choose(kindAt(number).block.path);
    else show();
  }

  // The panel of the chosen block's kind that shows what a panel of another kind shows.
  function twinOf(name) {
    const { kind } = panelOf(name).dataset;
    const own = kindAt(block).block.path;
    if (!kind || kind === own) return name;
    const [alike] = name.split("-");
    return order.find((other) => other.split("-")[0] === alike && panelOf(other).dataset.kind === own) || "model";
  }

  // Zoom to a panel, and keep to the step that was chosen where the other kind of block has it too.
  function follow(name) {
    const before = chosen;
    zoom(name, { focus: false });
    const twin = before.replace(/\{[^}]*\}/, () => kindAt(block).block.path.match(/\{[^}]*\}/)[0]);
    if (panelOf(name).querySelector(`[data-pick="${CSS.escape(twin)}"]`)) choose(twin);
  }

  function key(event) {
    if (event.target.matches("input, select") || event.ctrlKey || event.altKey || event.metaKey) return;
    const own = (name) => [undefined, kindAt(block).block.path].includes(panelOf(name).dataset.kind);
    const deep = order.find((name) => levelOf(name) === Number(event.key) && own(name));
    if (event.key === "Escape" && level !== "model") zoom(above(level)[0]);
    else if (deep) zoom(deep);
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") step(event);
  }

  function step(event) {
    const boxes = all("[data-pick]", panelOf(level));
    const here = boxes.indexOf(event.target.closest("[data-pick]"));
    const next = boxes[here + (event.key === "ArrowDown" ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
    choose(next.dataset.pick);
  }

  explorer.addEventListener("click", (event) => {
    const to = event.target.closest("[data-zoom]");
    const picked = event.target.closest("[data-pick]");
    if (to) zoom(to.dataset.zoom);
    else if (picked) choose(picked.dataset.pick);
  });
  explorer.addEventListener("keydown", key);
  wide.addEventListener("change", show);
  if (byId("block")) {
    byId("block").addEventListener("input", (event) => setBlock(event.target.valueAsNumber));
    byId("block-before").addEventListener("click", () => setBlock(block - 1));
    byId("block-after").addEventListener("click", () => setBlock(block + 1));
  }

  // --- attention -------------------------------------------------------------------------------------------------

  const decoded = maps.map((map) => Uint8Array.from(atob(map.data), (character) => character.charCodeAt(0)));
  const shown = { text: 0, block: 0, head: 0 };
  const DENSE = 14;
  // Where black and white text stand out alike, on the dark page and on the light one: by their relative luminance.
  const [HALF, MOST] = [0.53, 0.707];

  function weight(head, row, column) {
    const { tokens, heads } = maps[shown.text];
    const size = (tokens.length * (tokens.length + 1)) / 2;
    return decoded[shown.text][(shown.block * heads + head) * size + (row * (row + 1)) / 2 + column];
  }

  const mostOf = (head, row) => Math.max(1, ...Array.from({ length: row + 1 }, (_, column) => weight(head, row, column)));

  function thumbnail(head) {
    const count = maps[shown.text].tokens.length;
    const canvas = make("canvas", { width: count, height: count, "aria-hidden": "true" });
    const style = getComputedStyle(document.documentElement);
    const context = canvas.getContext("2d");
    for (let row = 0; row < count; row += 1) {
      const most = mostOf(head, row);
      for (let column = 0; column <= row; column += 1) {
        context.globalAlpha = 1;
        context.fillStyle = style.getPropertyValue("--raised");
        context.fillRect(column, row, 1, 1);
        context.globalAlpha = weight(head, row, column) / most;
        context.fillStyle = style.getPropertyValue("--heat");
        context.fillRect(column, row, 1, 1);
      }
    }
    return canvas;
  }

  function drawHeads() {
    const labels = [...Array(maps[shown.text].heads).keys()].map((head) => {
      const radio = make("input", { type: "radio", name: "head", value: head, "aria-label": `Head ${head}` });
      radio.checked = head === shown.head;
      return make("label", {}, radio, thumbnail(head), make("span", {}, String(head)));
    });
    byId("heads").replaceChildren(...labels);
  }

  function cell(row, column, most) {
    if (column > row) return make("td", { class: "hidden" }, "\u00b7");
    const found = weight(shown.head, row, column);
    const strength = found / most;
    const shade = `warm${strength > HALF ? " half" : ""}${strength > MOST ? " most" : ""}`;
    const node = make("td", { class: shade, "data-row": row, "data-column": column });
    node.style.setProperty("--w", `${strength * 100}%`);
    node.textContent = `${Math.round(found / 2.55)}%`;
    return node;
  }

  function drawMap() {
    const { tokens } = maps[shown.text];
    const table = byId("map");
    table.classList.toggle("dense", tokens.length > DENSE);
    const heads = tokens.map((token) => make("th", { scope: "col" }, token));
    const rows = tokens.map((token, row) => {
      const most = mostOf(shown.head, row);
      const cells = tokens.map((_, column) => cell(row, column, most));
      return make("tr", {}, make("th", { scope: "row" }, token), ...cells);
    });
    table.replaceChildren(
      make("thead", {}, make("tr", {}, make("td"), ...heads)),
      make("tbody", {}, ...rows),
    );
    byId("map-title").textContent = `Block ${shown.block}, head ${shown.head}`;
  }

  function tell(event) {
    const { row, column } = event.target.dataset;
    if (row === undefined) return;
    const { tokens } = maps[shown.text];
    const share = (weight(shown.head, Number(row), Number(column)) / 2.55).toFixed(0);
    byId("map-cell").textContent = `${tokens[row]} looks at ${tokens[column]}: ${share}%`;
  }

  if (maps.length) {
    byId("map-block").addEventListener("change", (event) => {
      shown.block = Number(event.target.value);
      drawHeads();
      drawMap();
    });
    byId("heads").addEventListener("change", (event) => {
      shown.head = Number(event.target.value);
      drawMap();
    });
    if (byId("map-text")) {
      byId("map-text").addEventListener("change", (event) => {
        shown.text = Number(event.target.value);
        drawHeads();
        drawMap();
      });
    }
    byId("map").addEventListener("mouseover", tell);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawHeads);
    drawHeads();
    drawMap();
  }

  setBlock(0);
  zoom("model", { focus: false });
})();
