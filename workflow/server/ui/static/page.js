"use strict";

// Draws the graph of an answer: vertices coloured by label, known edges solid, predicted ones dashed.
const COLOURS = ["#1f5fa8", "#c2571a", "#1c7a4a", "#7b3fa0", "#9a6700", "#0f7c86", "#a12a5e", "#4f5d6b"];

function draw(element) {
  const drawing = JSON.parse(element.dataset.drawing);
  const labels = [...new Set(drawing.vertices.map((vertex) => vertex.label))];
  const colour = (label) => COLOURS[labels.indexOf(label) % COLOURS.length];
  element.graph = cytoscape({
    container: element,
    elements: [
      ...drawing.vertices.map((v) => ({ data: { id: "v" + v.id, caption: v.caption, colour: colour(v.label) } })),
      ...drawing.edges.map((e, i) => ({
        data: { id: "e" + i, source: "v" + e.source, target: "v" + e.target, caption: e.label },
        classes: e.predicted ? "predicted" : "known",
      })),
    ],
    style: [
      { selector: "node", style: { "background-color": "data(colour)", label: "data(caption)", "font-size": 11, width: 22, height: 22, "text-valign": "bottom", "text-margin-y": 3 } },
      { selector: "edge", style: { width: 1.5, "curve-style": "bezier", "target-arrow-shape": "triangle", "arrow-scale": 0.8, label: "data(caption)", "font-size": 9, color: "#5b6b7c", "text-rotation": "autorotate" } },
      { selector: "edge.known", style: { "line-color": "#b9c4cf", "target-arrow-color": "#b9c4cf" } },
      { selector: "edge.predicted", style: { "line-style": "dashed", "line-color": "#c2571a", "target-arrow-color": "#c2571a", width: 2.5 } },
    ],
    maxZoom: 1.6,
    layout: { name: "cose", animate: false, randomize: false, padding: 24, nodeRepulsion: 9000 },
  });
}

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id === "answer") {
    const element = document.getElementById("graph");
    if (element) draw(element);
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey && event.target.id === "gremlin") event.target.form.requestSubmit();
});
