// One photo in several versions, one over the other, with a divider: the version that comes next is to its left.
function render({ model, el }) {
  const names = model.get("names");
  const frame = node("div", "colorlib-swipe");
  frame.style.width = `${model.get("width")}px`;
  const stage = node("div", "colorlib-swipe-stage");
  const under = node("img"), over = node("img", "colorlib-swipe-over");
  const left = node("span", "colorlib-swipe-left"), right = node("span", "colorlib-swipe-right");
  stage.append(under, over, node("div", "colorlib-swipe-divider"), left, right);
  const range = node("input");
  Object.assign(range, { type: "range", min: 0, max: names.length - 1, step: 0.02 });
  range.setAttribute("aria-label", `from ${names.join(" to ")}`);
  const stops = node("div", "colorlib-swipe-stops");
  stops.append(...names.map((name, number) => button(name, () => move(number))));
  const thumbnails = node("div", "colorlib-swipe-thumbnails");
  frame.append(stage, range, stops, thumbnails);
  el.append(frame);

  function node(kind, name = "") {
    const made = document.createElement(kind);
    made.className = name;
    return made;
  }

  function button(text, action) {
    const made = node("button");
    made.type = "button";
    made.append(text);
    made.addEventListener("click", action);
    return made;
  }

  function say(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function move(position) {
    say("position", Math.min(names.length - 1, Math.max(0, position)));
  }

  function draw() {
    const number = model.get("image"), position = model.get("position"), versions = model.get("pictures")[number];
    const first = Math.min(names.length - 2, Math.floor(position)), share = position - first;
    [under, over].forEach((image, next) => {
      image.src = versions[first + next];
      image.alt = `photo ${number + 1}, ${names[first + next]}`;
      image.draggable = false;
    });
    stage.style.setProperty("--share", `${100 * share}%`);
    [left.textContent, right.textContent] = [names[first + 1], names[first]];
    left.hidden = share < 0.2;
    right.hidden = share > 0.8;
    range.value = position;
    range.setAttribute("aria-valuetext", `${Math.round(100 * share)}% ${names[first + 1]}, the rest ${names[first]}`);
    [...thumbnails.children].forEach((made, i) => made.setAttribute("aria-pressed", i === number));
  }

  for (const image of [under, over])
    image.addEventListener("load", () => {
      image.style.imageRendering = image.naturalWidth < model.get("width") / 2 ? "pixelated" : "auto";
    });
  if (model.get("pictures").length > 1)
    model.get("pictures").forEach((versions, number) => {
      const image = node("img");
      image.src = versions[0];
      image.alt = `photo ${number + 1}`;
      thumbnails.append(button(image, () => say("image", number)));
    });
  range.addEventListener("input", () => move(Number(range.value)));
  const drag = (event) => {
    const box = stage.getBoundingClientRect(), first = Math.min(names.length - 2, Math.floor(model.get("position")));
    move(first + Math.min(0.999, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", (event) => event.buttons && drag(event));
  model.on("change", draw);
  draw();
}

export default { render };
