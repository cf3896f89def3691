"use strict";
const plots = document.querySelector(".plots");
for (const button of document.querySelectorAll("button[data-span]")) {
  button.addEventListener("click", () => {
    plots.dataset.span = button.dataset.span;
    for (const other of document.querySelectorAll("button[data-span]")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
  });
}
const SVG = "http://www.w3.org/2000/svg";
const made = (name, attributes, text) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
};
for (const svg of document.querySelectorAll(".plots svg")) {
  const clear = () => svg.querySelectorAll(".hover, .said").forEach((each) => each.remove());
  svg.addEventListener("pointerleave", clear);
  svg.addEventListener("pointermove", (event) => {
    clear();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const said = [];
    let where = null;
    for (const line of svg.querySelectorAll("polyline")) {
      const places = line.getAttribute("points").split(" ").map((pair) => pair.split(",").map(Number));
      const values = line.dataset.points.split(";").map((pair) => pair.split(","));
      let nearest = 0;
      places.forEach(([x], place) => { if (Math.abs(x - at.x) < Math.abs(places[nearest][0] - at.x)) nearest = place; });
      const [time, value] = values[nearest];
      where = places[nearest];
      const moment = new Date(1000 * Number(time)).toISOString().slice(0, 16).replace("T", " ");
      said.push(said.length ? value : `${moment}  ${value}`);
    }
    if (!where) return;
    const right = where[0] > 190;
    svg.append(made("path", { class: "hover", d: `M${where[0]} 8V112` }));
    const text = { class: "said", x: where[0] + (right ? -5 : 5), y: 17, "text-anchor": right ? "end" : "start" };
    svg.append(made("text", text, said.join(" / ")));
  });
}
