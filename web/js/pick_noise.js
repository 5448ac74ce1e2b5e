// The grid of Pick Noise: pictures of the candidates, of which a click picks one.
//
// It only shows. What it shows it reads when it draws: the node's widgets and ComfyUI's outputs. What it does is
// set the widget `pick`, or the seed before it, and queue the node. Without this file the widgets do the same.
// The names of the pictures last shown stay with the tab, for pages that forget outputs on a reload or a switch.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

const TYPE = "Img2NoisePickNoise";
const KEY = "img2noise_pick";
const FREE = ["pick", "wait"]; // inputs that the candidates do not depend on
const SEEDS = ["noise_seed", "seed", "value"];
const HEIGHT = 280;
const LARGEST = 2 ** 50; // of a random seed, as ComfyUI's own
const MOST_KEPT = 24;
const INPUTS_OF_SUBGRAPH = -10; // the id from which links come into a subgraph
const STYLE = `
.img2noise-pick { display: flex; flex-direction: column; gap: 4px; height: 100%; min-height: 0;
  box-sizing: border-box; padding: 2px 6px 6px; overflow: hidden; font: 12px sans-serif; color: #ddd; }
.img2noise-pick [role=toolbar] { display: flex; gap: 4px; }
.img2noise-pick [role=toolbar] button { flex: 1; padding: 3px; border: 1px solid #555; border-radius: 4px;
  background: #333; color: #ddd; font: inherit; cursor: pointer; }
.img2noise-pick [hidden] { display: none !important; }
.img2noise-pick [role=radiogroup] { flex: 1; min-height: 0; display: grid; gap: 4px; overflow: auto;
  grid-auto-rows: minmax(48px, 1fr); }
.img2noise-pick [role=radio] { position: relative; min-width: 0; min-height: 0; padding: 0; overflow: hidden;
  border: 2px solid #555; border-radius: 4px; background: #222; color: #ddd; font: inherit; cursor: pointer; }
.img2noise-pick [role=radio][aria-checked=true] { border-color: #4af; box-shadow: 0 0 0 1px #4af; }
.img2noise-pick button:focus-visible { outline: 2px solid #fff; outline-offset: -2px; }
.img2noise-pick button:disabled { cursor: default; }
.img2noise-pick img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.img2noise-pick .stale img { filter: grayscale(1) brightness(0.5); }
.img2noise-pick [role=radio] span { position: absolute; left: 3px; top: 3px; padding: 0 4px;
  border-radius: 3px; background: #000a; }
.img2noise-pick [role=status] { min-height: 1.3em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
`;

const grids = new Map(); // node -> redraw

const widgetOf = (node, name) => node.widgets?.find((widget) => widget.name === name);
const isLinked = (node, name) => node.inputs?.find((input) => input.name === name)?.link != null;
const element = (tag, given = {}) => Object.assign(document.createElement(tag), given);

// What the node has shown last; ComfyUI keeps it by the node's place, in a subgraph by that one's id too.
function outputOf(node) {
  const place = node.graph === app.rootGraph ? `${node.id}` : `${node.graph?.id}:${node.id}`;
  return app.nodeOutputs?.[place]?.[KEY]?.[0];
}

// The pictures shown in this tab by their fingerprints as text, the latest last.
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? [];
  } catch {
    return [];
  }
}

function keep({ fingerprint, pictures }) {
  const name = JSON.stringify(fingerprint);
  const found = [...kept().filter(([other]) => other !== name), [name, pictures]];
  try {
    sessionStorage.setItem(KEY, JSON.stringify(found.slice(-MOST_KEPT)));
  } catch {
    // a full or forbidden store: outputs that the page forgets are then made again
  }
}

function recall(fingerprint) {
  const name = JSON.stringify(fingerprint);
  const [, pictures] = kept().find(([other]) => other === name) ?? [];
  return pictures && { fingerprint, pictures };
}

// The ids by which a node is run, one for each place that its subgraph is used in.
function executionIds(node, graph = app.rootGraph, before = "") {
  return (graph?.nodes ?? []).flatMap((other) => {
    if (other === node) return [`${before}${other.id}`];
    return other.subgraph ? executionIds(node, other.subgraph, `${before}${other.id}:`) : [];
  });
}

// All that a node's candidates depend on, as the server says it of a prompt.
function fingerprint(prompt, node) {
  const places = new Map();
  const found = [];
  const visit = (key, free) => {
    if (!places.has(key)) {
      const inputs = {};
      places.set(key, found.length);
      found.push([prompt[key].class_type, inputs]);
      for (const name of Object.keys(prompt[key].inputs).sort()) {
        const value = prompt[key].inputs[name];
        const link = Array.isArray(value) && value.length === 2 && typeof value[0] === "string";
        if (!free.includes(name)) inputs[name] = link ? { node: visit(value[0], []), output: value[1] } : value;
      }
    }
    return places.get(key);
  };
  if (prompt[node]) visit(node, FREE);
  return found;
}

// The one seed in which two fingerprints differ: the value it had. Nothing where more differs.
function seedBefore(then, now) {
  if (then.length !== now.length) return undefined;
  const differences = then.flatMap(([type, inputs], i) => {
    const other = type === now[i][0] ? now[i][1] : {};
    const names = Object.keys({ ...inputs, ...other });
    return names
      .filter((name) => JSON.stringify(inputs[name]) !== JSON.stringify(other[name]))
      .map((name) => [name, inputs[name]]);
  });
  const [[name, value] = []] = differences;
  return differences.length === 1 && SEEDS.includes(name) && typeof value === "number" ? value : undefined;
}

// The nodes that use a subgraph.
function usersOf(subgraph, graph = app.rootGraph) {
  return (graph?.nodes ?? []).flatMap((node) => {
    if (!node.subgraph) return [];
    return [...(node.subgraph === subgraph ? [node] : []), ...usersOf(subgraph, node.subgraph)];
  });
}

// The node that a link comes from, looked for out of a subgraph used once and into one. A value that is set on
// the subgraph's own node comes from that node.
function originOf(graph, id) {
  const link = id == null ? null : graph?.getLink(id);
  if (!link) return null;
  if (Number(link.origin_id) === INPUTS_OF_SUBGRAPH) {
    const [user, ...more] = usersOf(graph);
    const name = graph.inputs[link.origin_slot]?.name;
    const input = more.length ? null : user?.inputs.find((other) => other.name === name);
    if (!input) return null;
    return input.link == null && input.widget ? user : originOf(user.graph, input.link);
  }
  const node = graph.getNodeById(link.origin_id);
  return node?.subgraph ? originOf(node.subgraph, node.subgraph.outputs[link.origin_slot]?.linkIds[0]) : node;
}

// The widget that sets the noise's seed: of the nearest node that has one, also where it is wired to another.
function seedOf(node, kind = /^(NOISE|\*)$/) {
  const left = [node];
  for (const one of left) {
    const widget = one === node ? undefined : SEEDS.map((name) => widgetOf(one, name)).find(Boolean);
    if (widget && !isLinked(one, widget.name)) return { node: one, widget };
    for (const input of one.inputs ?? []) {
      const wanted = widget ? input.name === widget.name : kind.test(input.type);
      const before = wanted ? originOf(one.graph, input.link) : null;
      if (before && !left.includes(before)) left.push(before);
    }
  }
  return undefined;
}

function setValue(widget, value) {
  widget.value = value;
  widget.callback?.(value);
}

// Change the graph as one step of undo.
function change(work) {
  app.canvas.emitBeforeChange?.();
  work();
  app.canvas.emitAfterChange?.();
  app.canvas.setDirty?.(true, true);
}

function keepSeed(seed) {
  const controls = seed ? [...(seed.widget.linkedWidgets ?? []), ...(seed.node.widgets ?? [])] : [];
  const control = controls.find((widget) => widget.name === "control_after_generate");
  if (control && control.value !== "fixed") setValue(control, "fixed");
}

class Grid {
  constructor(node) {
    this.node = node;
    this.root = element("div", { className: "img2noise-pick" });
    const bar = element("div");
    bar.setAttribute("role", "toolbar");
    const button = (text, title, onclick) => bar.appendChild(element("button", { type: "button", textContent: text, title, onclick }));
    button("Show", "Make the pictures, and sample nothing", () => this.show());
    this.reroll = button("Reroll", "New candidates from another seed", () => this.show(true));
    this.all = button("All", "Sample all of them: pick 0, without wait", () => this.pick(0));
    this.line = element("div");
    this.line.setAttribute("role", "status");
    this.tiles = element("div");
    this.tiles.setAttribute("role", "radiogroup");
    this.tiles.setAttribute("aria-label", "Candidates");
    this.root.append(bar, this.tiles, this.line);
    this.tiles.addEventListener("keydown", (event) => this.onKey(event));
    forwardToCanvas(this.root, this.tiles);
    this.draw();
  }

  get linked() {
    return isLinked(this.node, "pick");
  }

  get picked() {
    return Number(widgetOf(this.node, "pick")?.value ?? 0);
  }

  pick(number) {
    if (this.linked) return;
    const seed = seedOf(this.node);
    change(() => {
      if (this.seedThen !== undefined && seed && number) setValue(seed.widget, this.seedThen);
      if (number) keepSeed(seed);
      else if (!isLinked(this.node, "wait")) setValue(widgetOf(this.node, "wait"), false);
      setValue(widgetOf(this.node, "pick"), number);
    });
    this.update();
  }

  async show(reroll = false) {
    const seed = seedOf(this.node);
    change(() => {
      keepSeed(seed);
      if (reroll && seed) setValue(seed.widget, Math.floor(Math.random() * LARGEST));
      if (reroll && !this.linked) setValue(widgetOf(this.node, "pick"), 0);
    });
    const ids = executionIds(this.node);
    if (ids.length) await app.queuePrompt(0, 1, ids);
    this.update();
  }

  // Nodes 2.0 keeps on show the element of a node that undo has replaced by one of the same id: take its seat.
  seat() {
    if (this.root.isConnected || this.node.graph !== app.canvas.graph) return;
    document.querySelector(`[data-node-id="${this.node.id}"] .img2noise-pick`)?.replaceWith(this.root);
  }

  // Draw, and ask of the graph whether the pictures still are what it makes.
  async update() {
    if (!this.node.graph) return;
    this.seat();
    this.draw();
    const made = outputOf(this.node);
    if (made?.fingerprint?.length) keep(made);
    const [id] = made || kept().length ? executionIds(this.node) : [];
    if (id === undefined) return;
    const { output } = await app.graphToPrompt();
    const now = fingerprint(output, id);
    this.recalled = made ? this.recalled : (recall(now) ?? this.recalled);
    const shown = made ?? this.recalled;
    this.stale = Boolean(shown) && JSON.stringify(now) !== JSON.stringify(shown.fingerprint);
    this.seedThen = this.stale ? seedBefore(shown.fingerprint, now) : undefined;
    this.draw();
  }

  // Ask for every picture again: one that was gone may have been made anew under its name.
  refresh() {
    for (const image of this.tiles.querySelectorAll("img")) if (image.hidden) delete image.dataset.source;
    this.update();
  }

  draw() {
    const shown = outputOf(this.node) ?? this.recalled;
    const pictures = shown?.pictures ?? [];
    const stale = Boolean(pictures.length && this.stale);
    const wired = isLinked(this.node, "count");
    const count = wired && pictures.length ? pictures.length : Number(widgetOf(this.node, "count")?.value ?? 4);
    this.reroll.hidden = !seedOf(this.node);
    this.all.disabled = this.linked;
    this.tiles.style.gridTemplateColumns = `repeat(${Math.ceil(Math.sqrt(count))}, minmax(0, 1fr))`;
    this.tiles.classList.toggle("stale", stale);
    this.tiles.setAttribute("aria-disabled", String(this.linked));
    while (this.tiles.children.length > count) this.tiles.lastChild.remove();
    while (this.tiles.children.length < count) this.tiles.append(this.tile(this.tiles.children.length + 1));
    const focused = this.picked >= 1 && this.picked <= count ? this.picked : 1;
    [...this.tiles.children].forEach((tile, i) => {
      const checked = !this.linked && this.picked === i + 1;
      tile.setAttribute("aria-checked", String(checked));
      tile.tabIndex = i + 1 === focused ? 0 : -1;
      tile.disabled = this.linked;
      const source = pictures[i] ? api.apiURL(`/view?${new URLSearchParams(pictures[i])}`) : "";
      const image = tile.querySelector("img");
      if (image.dataset.source !== source) {
        image.dataset.source = source;
        image.hidden = true;
        if (source) image.src = source;
        else image.removeAttribute("src");
      }
    });
    this.line.textContent = this.words(pictures.length, stale);
    this.line.title = this.line.textContent;
  }

  words(pictures, stale) {
    if (this.linked) return "pick comes by wire";
    if (!pictures) return "Press Show to see the candidates";
    if (stale && this.seedThen !== undefined) return "Another seed: Show, or click to go back";
    if (stale) return "Changed since: press Show";
    return this.picked ? `${this.picked} is picked: press Run` : "Click the one to sample";
  }

  tile(number) {
    const tile = element("button", { type: "button", onclick: () => this.pick(number) });
    tile.setAttribute("role", "radio");
    tile.setAttribute("aria-label", `Candidate ${number}`);
    const image = element("img", { alt: "", draggable: false, hidden: true });
    image.onload = () => (image.hidden = false);
    image.onerror = () => (image.hidden = true); // the temp folder is emptied at start: the number stays
    tile.append(image, element("span", { textContent: String(number) }));
    return tile;
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const tiles = [...this.tiles.children];
    const at = tiles.indexOf(document.activeElement);
    const columns = Math.ceil(Math.sqrt(tiles.length));
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step === undefined && event.key !== "Enter" && event.key !== " ") return;
    event.stopPropagation(); // not for the canvas; Enter and space press the tile by themselves
    if (step === undefined) return;
    event.preventDefault();
    tiles[at + step]?.focus();
  }
}

// Wheel and middle mouse button move the canvas, unless the tiles scroll. Nodes 2.0 sees to that by itself.
function forwardToCanvas(root, tiles) {
  const classic = () => !globalThis.LiteGraph?.vueNodesMode;
  root.addEventListener("wheel", (event) => {
    const scrolls = tiles.scrollHeight > tiles.clientHeight && !event.ctrlKey;
    if (!classic() || scrolls) return;
    event.preventDefault();
    app.canvas.processMouseWheel(event);
  });
  const forward = (name, wanted, method) =>
    root.addEventListener(name, (event) => classic() && wanted(event) && app.canvas[method](event));
  forward("pointerdown", (event) => event.button === 1, "processMouseDown");
  forward("pointermove", (event) => (event.buttons & 4) === 4, "processMouseMove");
  forward("pointerup", (event) => event.button === 1, "processMouseUp");
}

function chain(object, name, work) {
  const before = object[name];
  object[name] = function (...given) {
    const result = before?.apply(this, given);
    work.apply(this, given);
    return result;
  };
}

const updateAll = () => grids.forEach((grid, node) => (node.graph ? grid.update() : grids.delete(node)));

app.registerExtension({
  name: "img2noise.PickNoise",
  setup() {
    document.head.append(element("style", { textContent: STYLE }));
    for (const name of ["graphChanged", "promptQueued", "executed"]) api.addEventListener(name, () => setTimeout(updateAll));
  },
  nodeCreated(node) {
    if (node.comfyClass !== TYPE) return;
    const grid = new Grid(node);
    const widget = node.addDOMWidget("candidates", "img2noise_candidates", grid.root, {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => HEIGHT,
      getValue: () => undefined,
      setValue: () => {},
    });
    widget.serialize = false;
    for (const name of ["pick", "count"]) {
      const input = widgetOf(node, name);
      if (input) chain(input, "callback", () => grid.update());
    }
    for (const name of ["onConfigure", "onConnectionsChange"]) chain(node, name, () => setTimeout(() => grid.update()));
    chain(node, "onExecuted", () => setTimeout(() => grid.refresh()));
    chain(node, "onAdded", () => setTimeout(() => grids.set(node, grid) && grid.update()));
    chain(node, "onRemoved", () => grids.delete(node));
  },
  onNodeOutputsUpdated: () => updateAll(),
});
