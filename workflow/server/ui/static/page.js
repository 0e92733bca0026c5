"use strict";

// -- the graph of an answer: vertices coloured by label, known edges solid, predicted ones dashed

const MOST_COLOURS = 7;
const MOST_CAPTIONS = 30;

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}

// scale: a large graph is seen from afar, and its text is to be read all the same
function style(scale) {
  const edge = { width: 1.5 * scale, "curve-style": "bezier", "target-arrow-shape": "triangle", "arrow-scale": 0.8, "font-size": 9 * scale, "text-rotation": "autorotate", "text-wrap": "ellipsis", "text-max-width": 90 * scale };
  const text = { color: colour("soft"), "text-background-color": colour("card"), "text-background-opacity": 0.9, "text-background-padding": 1 };
  const line = (name) => ({ "line-color": colour(name), "target-arrow-color": colour(name) });
  return [
    { selector: "node", style: { "background-color": (node) => colour("c" + node.data("colour")), ...text, label: "data(caption)", color: colour("ink"), "font-size": 11 * scale, width: 20 * scale, height: 20 * scale, "text-valign": "bottom", "text-margin-y": 3, "text-wrap": "ellipsis", "text-max-width": 120 * scale } },
    { selector: "node:selected", style: { "border-width": 3 * scale, "border-color": colour("ink") } },
    { selector: "edge", style: { ...edge, ...text, label: "data(caption)" } },
    { selector: "edge.known", style: line("known") },
    { selector: "edge.predicted", style: { ...line("predicted"), color: colour("predicted"), "line-style": "dashed", width: 2.5 * scale } },
  ];
}

// Fruchterman and Reingold's springs, from a spiral: the same answer is laid out the same way every time
function places(ids, links) {
  const length = 110, rounds = 300;
  const at = ids.map((_, i) => ({ x: 40 * Math.sqrt(i) * Math.cos(2.4 * i), y: 40 * Math.sqrt(i) * Math.sin(2.4 * i) }));
  const number = new Map(ids.map((id, i) => [id, i]));
  const ends = links.map((link) => [number.get(link.source), number.get(link.target)]).filter(([a, b]) => a !== b);
  for (let round = 0; round < rounds; round++) {
    // a weak pull to the middle keeps separate parts together
    const push = at.map((p) => ({ x: -0.08 * p.x, y: -0.08 * p.y }));
    const move = (a, b, strength) => {
      const x = at[a].x - at[b].x, y = at[a].y - at[b].y, distance = Math.max(Math.hypot(x, y), 1);
      const force = strength(distance) / distance;
      push[a].x += x * force; push[a].y += y * force;
      push[b].x -= x * force; push[b].y -= y * force;
    };
    for (let a = 0; a < at.length; a++) for (let b = 0; b < a; b++) move(a, b, (distance) => (length * length) / distance);
    for (const [a, b] of ends) move(a, b, (distance) => -(distance * distance) / length);
    const most = 60 * (1 - round / rounds) + 1;
    at.forEach((p, i) => {
      const size = Math.max(Math.hypot(push[i].x, push[i].y), 1e-9), step = Math.min(size, most) / size;
      p.x += push[i].x * step; p.y += push[i].y * step;
    });
  }
  return at;
}

function draw(element) {
  const drawing = JSON.parse(element.dataset.drawing);
  const at = places(drawing.vertices.map((vertex) => vertex.id), drawing.edges);
  const labels = [...new Set(drawing.vertices.map((vertex) => vertex.label))];
  const place = (label) => Math.min(labels.indexOf(label), MOST_COLOURS);
  element.graph = cytoscape({
    container: element,
    elements: [
      ...drawing.vertices.map((v, i) => ({ data: { id: "v" + v.id, caption: v.caption, colour: place(v.label), vertex: v }, position: at[i] })),
      ...drawing.edges.map((e, i) => ({
        data: { id: "e" + i, source: "v" + e.source, target: "v" + e.target, caption: drawing.edges.length > MOST_CAPTIONS ? "" : e.label },
        classes: e.predicted ? "predicted" : "known",
      })),
    ],
    style: style(1),
    maxZoom: 1.6,
    minZoom: 0.1,
    layout: { name: "preset", padding: 28 },
  });
  element.scale = Math.min(1 / Math.min(element.graph.zoom(), 1), 3);
  element.graph.style(style(element.scale));
  element.graph.fit(undefined, 24);
  element.graph.on("select", "node", (event) => showPicked(event.target.data("vertex")));
  showLegend(labels, drawing.edges);
}

function showPicked(vertex) {
  const properties = vertex.properties.map(([key, value]) => `${key}: ${value}`).join(" · ");
  document.getElementById("picked").textContent = `${vertex.label} ${vertex.id}${properties ? " · " + properties : ""}`;
}

function showLegend(labels, edges) {
  const entry = (name, text) => {
    const item = document.createElement("li");
    const mark = document.createElement("span");
    mark.className = "mark " + name;
    item.append(mark, text);
    return item;
  };
  const shown = labels.slice(0, MOST_COLOURS).map((label, i) => entry("c" + i, label));
  if (labels.length > MOST_COLOURS) shown.push(entry("c" + MOST_COLOURS, `${labels.length - MOST_COLOURS} other labels`));
  if (edges.some((e) => !e.predicted)) shown.push(entry("line", "known edge"));
  if (edges.some((e) => e.predicted)) shown.push(entry("dashes", "predicted edge"));
  document.getElementById("legend").replaceChildren(...shown);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  const element = document.getElementById("graph");
  if (element?.graph) element.graph.style(style(element.scale));
});

// -- the Gremlin box

let preferred = "view-graph";

function ask(text) {
  const box = document.getElementById("gremlin");
  box.value = text;
  fit(box);
  document.getElementById("ask").scrollIntoView({ block: "nearest" });
  box.form.requestSubmit();
}

function fit(box) {
  box.style.height = "auto";
  box.style.height = Math.min(Math.max(box.scrollHeight + 2, 108), 380) + "px";
}

function showAnswer() {
  const found = document.querySelector("#answer .found");
  document.getElementById("told").textContent = found ? found.dataset.told : "";
  const view = document.getElementById(preferred);
  const element = document.getElementById("graph");
  if (element) draw(element);
  if (view) view.checked = true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.id === "gremlin") {
    event.preventDefault();
    event.target.form.requestSubmit();
  }
});

document.addEventListener("input", (event) => {
  if (event.target.id === "gremlin") fit(event.target);
});

document.addEventListener("change", (event) => {
  if (event.target.name !== "view") return;
  preferred = event.target.id;
  const element = document.getElementById("graph");
  if (preferred === "view-graph" && element?.graph) element.graph.resize().fit(undefined, 24);
});

// -- what was asked before, in this browser alone, and an address that leads to a question

const HISTORY = "despina.asked", MOST_ASKED = 30;

function asked() {
  try {
    return JSON.parse(localStorage.getItem(HISTORY) ?? "[]").filter((text) => typeof text === "string");
  } catch {
    return [];
  }
}

function remember(texts) {
  try {
    localStorage.setItem(HISTORY, JSON.stringify(texts.slice(0, MOST_ASKED)));
  } catch {
    // a browser that keeps nothing
  }
  showAsked();
}

function showAsked() {
  const texts = asked();
  document.getElementById("history").hidden = texts.length === 0;
  document.getElementById("asked").replaceChildren(...texts.map((text) => {
    const item = document.createElement("li"), button = document.createElement("button");
    Object.assign(button, { type: "button", className: "link", textContent: text });
    button.dataset.earlier = text;
    item.append(button);
    return item;
  }));
}

// the question goes into the box and is not asked: whoever gave the link may have written one that removes everything
function takeFromAddress() {
  const text = new URLSearchParams(location.hash.slice(1)).get("q");
  if (!text) return;
  const box = document.getElementById("gremlin");
  box.value = text;
  fit(box);
  document.getElementById("told").textContent = "From the address; look at it, then run it.";
}

addEventListener("hashchange", takeFromAddress);
showAsked();
takeFromAddress();

document.addEventListener("click", (event) => {
  const page = event.target.closest("[data-page]");
  if (page) {
    document.getElementById("page").value = page.dataset.page;
    document.getElementById("gremlin").value = page.form.elements.gremlin.value;
    document.getElementById("box").requestSubmit();
  }
  const earlier = event.target.closest("[data-earlier]");
  if (earlier) {
    const box = document.getElementById("gremlin");
    box.value = earlier.dataset.earlier;
    fit(box);
    box.focus();
  }
  if (event.target.id === "forget") remember([]);
  const question = event.target.closest("[data-question]");
  if (question) ask(question.dataset.question);
  if (event.target.id === "halt") {
    htmx.ajax("POST", "/ui/query/stop", { values: { query: document.getElementById("query").value }, swap: "none" });
  }
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.id !== "box") return;
  // a name of its own, by which the query can be stopped
  const name = Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16)).join("-");
  document.getElementById("query").value = event.detail.parameters.query = name;
  document.getElementById("told").textContent = "Running…";
  document.getElementById("page").value = "1";
  const text = event.detail.parameters.gremlin;
  if (text.trim()) {
    remember([text, ...asked().filter((other) => other !== text)]);
    history.replaceState(null, "", "#" + new URLSearchParams({ q: text }));
  }
});

// -- the lists: asked for again and again while the page is seen, redrawn only when something changed

const last = new Map();
const isList = (element) => element.id === "jobs" || element.id === "endpoints";

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isList(event.target) && document.hidden && last.has(event.target.id)) event.preventDefault();
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const target = event.detail.target;
  if (!isList(target) || event.detail.isError) return;
  if (last.get(target.id) === event.detail.serverResponse) event.detail.shouldSwap = false;
  last.set(target.id, event.detail.serverResponse);
  const open = [...target.querySelectorAll("details[open]")].map((details) => details.id);
  target.addEventListener("htmx:afterSwap", () => open.forEach((id) => document.getElementById(id)?.setAttribute("open", "")), { once: true });
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "answer") showAnswer();
  const busy = Number(document.getElementById("summary").dataset.busy ?? 0);
  document.title = busy ? `(${busy}) Despina` : "Despina";
});

// -- a service that does not answer, or not as it should

function showBroken(text) {
  const line = document.getElementById("broken");
  if (line.textContent !== text) line.textContent = text;
  line.hidden = text === "";
}

function reason(request) {
  try {
    return JSON.parse(request.responseText).detailedMessage;
  } catch {
    return `The service answered ${request.status} ${request.statusText}.`;
  }
}

document.addEventListener("htmx:afterRequest", (event) => {
  const { xhr, successful, failed, target } = event.detail;
  if (successful) return showBroken("");
  if (!failed || !xhr.status) return;
  if (target?.id === "answer") {
    const line = document.createElement("p");
    line.className = "failure";
    line.setAttribute("role", "alert");
    line.textContent = reason(xhr);
    document.getElementById("answer").replaceChildren(line);
    document.getElementById("told").textContent = "";
  } else {
    showBroken(reason(xhr));
  }
});

document.addEventListener("htmx:sendError", () => {
  showBroken("The service does not answer. The page tries again every two seconds.");
  document.getElementById("told").textContent = "";
});
