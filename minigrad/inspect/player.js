  // A moment: a caption, the box and the edge that stand out, and the lines of boxes that become others.
  const boxes = [...root.querySelectorAll("[data-box]")], arrows = [...root.querySelectorAll("[data-arrow]")];
  const orange = "#d9480f";
  // A picture that is a little too tall for the screen is made smaller.
  const picture = root.querySelector("svg");
  picture.style.maxHeight = `max(100vh - 190px, ${0.75 * picture.getAttribute("height")}px)`;

  function line(box, number) {
    return boxes[box].querySelectorAll("text")[number];
  }
  function drawBox(box, standsOut) {
    const rectangle = box.querySelector("rect"), [, value] = box.querySelectorAll("text");
    box.style.opacity = value.textContent ? 1 : 0.3;
    box.querySelectorAll("text").forEach(text => text.style.fill = "");
    rectangle.style.cssText = standsOut ? `stroke: ${orange}; stroke-width: 4px` : "";
  }
  function drawArrow(arrow, standsOut) {
    const [way, head] = arrow.querySelectorAll("path");
    way.getAnimations().forEach(animation => animation.cancel());
    way.style.cssText = standsOut ? `stroke: ${orange}; stroke-width: 3px; stroke-dasharray: 7 5` : "";
    head.style.opacity = standsOut ? 0 : 1;
    // Dashes run against the arrow, as the gradient does.
    if (standsOut) way.animate([{strokeDashoffset: 0}, {strokeDashoffset: 24}], {duration: 600, iterations: Infinity});
  }
  function draw(i) {
    // The first moment sets every line that changes later.
    for (const [, , , changes] of moments.slice(0, i + 1))
      for (const [box, number, text] of changes) line(box, number).textContent = text;
    const [caption, lit, edge, changes] = moments[i];
    boxes.forEach((box, number) => drawBox(box, number === lit));
    arrows.forEach((arrow, number) => drawArrow(arrow, number === edge));
    if (i > 0) for (const [box, number] of changes) line(box, number).style.fill = orange;
    root.querySelector("pre").textContent = caption;
    return `${i + 1} of ${moments.length}`;
  }
