// A swatch for the color of Recolor Noise Maps, where the page can draw one.
//
// Older pages know the widget, but write "Node 2.0 only" in its place on the canvas and forget its default. There
// the color stays what it is everywhere else: a text of a hex code. Saved workflows and prompts are the same.

import { app } from "../../../scripts/app.js";

const COLORS = { Img2NoiseRecolorNoiseMaps: ["color"] };
const PROBE = [18, 52, 86]; // red, green and blue of #123456

// Draw the page's color widget out of sight, and say whether the color can be seen.
function drawsColors() {
  try {
    const { LGraphNode } = globalThis.LiteGraph;
    const widget = new LGraphNode("").addWidget("color", "", "#123456", () => {}, {});
    const context = Object.assign(document.createElement("canvas"), { width: 200, height: 30 }).getContext("2d");
    Object.assign(widget, { y: 0 }).drawWidget(context, { width: 200, showText: false });
    const { data } = context.getImageData(0, 0, 200, 30);
    return data.some((value, i) => i % 4 === 0 && PROBE.every((wanted, channel) => data[i + channel] === wanted));
  } catch {
    return false;
  }
}

app.registerExtension({
  name: "img2noise.Colors",
  beforeRegisterNodeDef(_type, declared) {
    const names = COLORS[declared.name];
    if (!names || !drawsColors()) return;
    for (const name of names) declared.input.required[name][1].widgetType = "COLOR";
  },
});
