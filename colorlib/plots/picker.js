// A picture to click on, with a ring for each mark. Arrow keys move a cross, and Enter picks its place.
const STEP = 0.02;

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.className = "colorlib-picker";
  frame.tabIndex = 0;
  const picture = document.createElement("img");
  picture.className = "widget-image";
  picture.draggable = false;
  const cross = ring("colorlib-cross");
  frame.append(picture, cross);
  el.append(frame);
  let place = [0.5, 0.5];

  function ring(kind) {
    const mark = document.createElement("span");
    mark.className = kind;
    return mark;
  }

  function put(mark, x, y) {
    mark.style.left = `${100 * x}%`;
    mark.style.top = `${100 * y}%`;
  }

  function pick(x, y) {
    [x, y] = [x, y].map((at) => Math.min(1, Math.max(0, at)));
    model.set("picked", [x, y, Date.now()]); // the time, so that the same place can be picked again
    model.save_changes();
  }

  function draw() {
    const before = picture.src;
    picture.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    picture.alt = model.get("alt");
    frame.setAttribute("aria-label", model.get("alt"));
    if (before) URL.revokeObjectURL(before);
  }

  function drawMarks() {
    frame.querySelectorAll(".colorlib-mark, .colorlib-asked").forEach((mark) => mark.remove());
    for (const { x, y, rgb } of model.get("marks")) {
      const mark = ring(rgb ? "colorlib-mark" : "colorlib-asked");
      if (rgb) mark.style.background = rgb;
      put(mark, x, y);
      frame.append(mark);
    }
  }

  frame.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    pick((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
  frame.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === "Enter") pick(...place);
    else if (event.key in moves) {
      place = place.map((at, axis) => Math.min(1, Math.max(0, at + STEP * moves[event.key][axis])));
      put(cross, ...place);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // or a notebook would move to another cell
  });
  put(cross, ...place);
  draw();
  drawMarks();
  model.on("change:value change:alt", draw);
  model.on("change:marks", drawMarks);
}

export default { render };
