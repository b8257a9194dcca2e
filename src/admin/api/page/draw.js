// Elements, made and changed by text alone: nothing that the agent tells is ever read as markup.

/** An element with a class, and children or a text. */
export function el(name, className, ...inside) {
  const made = document.createElement(name);
  if (className) made.className = className;
  for (const one of inside) {
    if (one === null || one === undefined) continue;
    made.append(one instanceof Node ? one : document.createTextNode(String(one)));
  }
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of a drawing. */
export function svg(name, attributes = {}, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...inside);
  return made;
}

/** Sets a text where it differs: a screen reader is not told what did not change. */
export function say(element, text) {
  const told = String(text);
  if (element.textContent !== told) element.textContent = told;
}

/** A table whose rows can be set again and again. `heads` are [title, "num" or ""]. */
export function table(caption, heads) {
  const body = el("tbody");
  const head = el("tr", "", ...heads.map(([title, kind]) => {
    const cell = el("th", kind, title);
    cell.scope = "col";
    return cell;
  }));
  const hint = el("caption", "skip", caption);
  const scroll = el("div", "scroll", el("table", "", hint, el("thead", "", head), body));
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", caption);
  const set = (rows) => {
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((cells, at) => {
      const row = body.rows[at] ?? body.insertRow();
      heads.forEach(([, kind], place) => {
        const cell = row.cells[place] ?? row.insertCell();
        cell.className = kind;
        say(cell, cells[place] ?? "");
      });
    });
  };
  return { element: scroll, set };
}

/** What is only shown on demand; `shown` is called when it opens. */
export function fold(title, inside, shown = () => {}) {
  const summary = el("summary", "", title);
  const made = el("details", "", summary, inside);
  made.addEventListener("toggle", () => { if (made.open) shown(); });
  return { element: made, title: (text) => say(summary, text), isOpen: () => made.open };
}

/** A named figure in a list of such. */
export function figure(list, name) {
  const value = el("dd", "", "");
  list.append(el("div", "", el("dt", "", name), value));
  return (text, muted = false) => {
    say(value, text);
    value.className = muted ? "muted" : "";
  };
}
