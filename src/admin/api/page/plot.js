// Descriptors and CLOSE_WAIT over time: lines, bands of tiers, marks of actions, and a cursor that keys move too.

import { el, say, svg } from "./draw.js";
import { moment, number } from "./words.js";

const EDGE = { top: 12, right: 10, bottom: 34, left: 44 };
const STEPS = [60, 120, 300, 600, 1800, 3600, 7200, 14400, 21600, 43200].map((s) => s * 1000);

/** A round step of which four reach `value`. */
function step(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value / 4, 1)));
  return [1, 2, 3, 5, 10].map((n) => n * power).find((n) => 4 * n >= value);
}

function path(points, x, y, value) {
  let text = "";
  let drawing = false;
  for (const point of points) {
    if (point[value] === null) {
      drawing = false;
      continue;
    }
    text += `${drawing ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[value]).toFixed(1)}`;
    drawing = true;
  }
  return text;
}

function under(points, x, y, floor) {
  const known = points.filter((point) => point[1] !== null);
  if (known.length < 2) return "";
  return `${path(known, x, y, 1)}L${x(known.at(-1)[0]).toFixed(1)} ${floor}L${x(known[0][0]).toFixed(1)} ${floor}Z`;
}

function mark(x, y, kind) {
  const at = { class: `mark ${kind}` };
  if (kind === "ineffective") {
    return svg("path", { ...at, d: `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x + 4} ${y - 4}L${x - 4} ${y + 4}` });
  }
  return svg("circle", { ...at, cx: x, cy: y, r: 4 });
}

export function legend() {
  const key = (shape, text) => el("span", "", svg("svg", { class: "plot-key plot", viewBox: "0 0 26 12", "aria-hidden": "true" }, shape), text);
  const stroke = (name) => svg("path", { class: name, d: "M0 6H26" });
  const band = (level) => svg("rect", { class: `band${level}`, x: 2, y: 0, width: 22, height: 12 });
  return el("p", "legend",
    key(stroke("open"), "descriptors"), key(stroke("wait"), "CLOSE_WAIT"), key(stroke("limit"), "limit"),
    key(band(1), "tier 1"), key(band(2), "tier 2"), key(band(3), "tier 3 and above"),
    key(mark(13, 6, ""), "action"), key(mark(13, 6, "effective"), "helped"), key(mark(13, 6, "ineffective"), "did not help"));
}

/** A plot of a target. `set` takes { from, until, lines: [{ pid, points }], limit, bands, marks }. */
export function plot(name) {
  const readout = el("p", "readout quiet", "");
  readout.setAttribute("aria-live", "polite");
  const drawing = svg("svg", { class: "plot", tabindex: 0, role: "img" });
  let seen = null;
  let cursor = null;

  const draw = () => {
    if (!seen) return;
    const { width, height } = drawing.getBoundingClientRect();
    if (width < 50) return;
    const { from, until, lines, limit, bands, marks } = seen;
    const floor = height - EDGE.bottom;
    const most = Math.max(10, ...lines.flatMap((line) => line.points.map((point) => point[1] ?? 0)));
    // The limit is drawn once it comes near: far away it would make a leak look like a level.
    const near = limit !== null && most > limit * 0.4;
    const each = step(Math.max(most * 1.05, near ? limit : 0));
    const top = 4 * each;
    const x = (at) => EDGE.left + ((at - from) / (until - from)) * (width - EDGE.left - EDGE.right);
    const y = (value) => floor - (value / top) * (floor - EDGE.top);
    const inside = [];
    const edge = (at) => Math.min(Math.max(at, from), until);
    for (const band of bands) {
      const [a, b] = [x(edge(band.from)), x(edge(band.until))];
      if (b > a) inside.push(svg("rect", { class: `band${Math.min(band.level, 3)}`, x: a, y: EDGE.top, width: b - a, height: floor - EDGE.top }));
    }
    for (let value = 0; value <= top; value += each) {
      inside.push(svg("line", { class: "grid", x1: EDGE.left, x2: width - EDGE.right, y1: y(value), y2: y(value) }));
      inside.push(svg("text", { x: EDGE.left - 8, y: y(value) + 4, "text-anchor": "end" }, String(value)));
    }
    const apart = STEPS.find((s) => (until - from) / s <= Math.max(2, width / 110)) ?? STEPS.at(-1);
    const zone = new Date(from).getTimezoneOffset() * 60_000;
    for (let at = Math.ceil((from - zone) / apart) * apart + zone; at <= until; at += apart) {
      if (x(at) < EDGE.left + 16 || x(at) > width - EDGE.right - 22) continue;
      inside.push(svg("text", { x: x(at), y: height - 4, "text-anchor": "middle" }, moment(at).replace(/:00$/, "")));
    }
    if (near) inside.push(svg("line", { class: "limit", x1: EDGE.left, x2: width - EDGE.right, y1: y(limit), y2: y(limit) }));
    for (const line of lines) {
      const points = line.points.filter((point) => point[0] >= from);
      inside.push(svg("path", { class: "under", d: under(points, x, y, floor) }));
      inside.push(svg("path", { class: "wait", d: path(points, x, y, 2) }));
      inside.push(svg("path", { class: "open", d: path(points, x, y, 1) }));
    }
    // Of marks of one kind that would lie on each other the first is drawn.
    const drawn = new Map();
    for (const one of marks.filter((m) => m.at >= from && m.at <= until)) {
      const place = x(one.at);
      if (place - (drawn.get(one.kind) ?? -99) < 7) continue;
      drawn.set(one.kind, place);
      inside.push(mark(place, floor + 10, one.kind));
    }
    if (cursor !== null) inside.push(svg("line", { class: "cross", x1: x(cursor), x2: x(cursor), y1: EDGE.top, y2: floor }));
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.replaceChildren(...inside);
    const last = lines.at(-1)?.points.at(-1);
    drawing.setAttribute("aria-label", last
      ? `${name}: ${number(last[1] ?? 0)} descriptors, ${number(last[2] ?? 0)} in CLOSE_WAIT, at most ${number(most)} in the time shown. Left and right arrow keys read values; a table follows.`
      : `${name}: no values yet`);
    tell();
  };

  const tell = () => {
    if (!seen || cursor === null) return say(readout, "");
    let best = null;
    for (const line of seen.lines) {
      for (const point of line.points) {
        if (point[1] !== null && (!best || Math.abs(point[0] - cursor) < Math.abs(best.point[0] - cursor))) best = { line, point };
      }
    }
    if (!best) return say(readout, "");
    const close = (seen.until - seen.from) / 80;
    const acts = seen.marks.filter((one) => Math.abs(one.at - cursor) < close).map((one) => one.text);
    const [at, open, wait] = best.point;
    say(readout, [`${moment(at)}, pid ${best.line.pid}: ${number(open)} descriptors, ${number(wait ?? 0)} in CLOSE_WAIT`, ...new Set(acts)].join(" · "));
  };

  const put = (at) => {
    cursor = at === null ? null : Math.min(Math.max(at, seen.from), seen.until);
    draw();
  };
  drawing.addEventListener("pointermove", (event) => {
    if (!seen) return;
    const box = drawing.getBoundingClientRect();
    const share = (event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right);
    put(seen.from + share * (seen.until - seen.from));
  });
  drawing.addEventListener("pointerleave", () => seen && put(null));
  drawing.addEventListener("keydown", (event) => {
    if (!seen) return;
    const step = (seen.until - seen.from) / (event.shiftKey ? 10 : 100);
    const moves = { ArrowLeft: () => (cursor ?? seen.until) - step, ArrowRight: () => (cursor ?? seen.until) + step,
      Home: () => seen.from, End: () => seen.until, Escape: () => null };
    if (!(event.key in moves)) return;
    event.preventDefault();
    put(moves[event.key]());
  });
  new ResizeObserver(draw).observe(drawing);
  return { element: drawing, readout, set: (given) => { seen = given; draw(); } };
}
