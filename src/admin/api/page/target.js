// One target: its figures, its line, why it is treated so, its remotes, its clients of pools.

import { el, figure, fold, say, table } from "./draw.js";
import { ask, tell } from "./link.js";
import { plot } from "./plot.js";
import { moment, number, plural, rate, reading, span, spanOf } from "./words.js";

const LIVE_MAX = 7200;

/** Fills a figure with a reading. */
const put = (set, told, show) => (told.gap ? set(told.gap, true) : set(show(told.value)));

/** The tier that stands highest: its name and level. */
export function worst(process) {
  let found = { level: 0, name: "normal" };
  for (const [ladder, tier] of Object.entries(process.tiers)) {
    const level = process.levels?.[ladder] ?? 0;
    if (tier && level > found.level && !ladder.endsWith("(shadow)")) found = { level, name: tier };
  }
  return found;
}

/** Lines of a target: what the history had, and what came since. */
class Lines {
  constructor() {
    this.past = new Map();
    this.live = new Map();
  }

  setPast(series) {
    this.past = new Map();
    for (const { pid, signal, points } of series) {
      const line = this.past.get(pid) ?? new Map();
      for (const [at, , avg, most] of points) {
        const point = line.get(at) ?? [at, null, null];
        point[signal === "fd.open" ? 1 : 2] = signal === "fd.open" ? most : avg;
        line.set(at, point);
      }
      this.past.set(pid, line);
    }
  }

  add(process, at) {
    const line = this.live.get(process.pid) ?? [];
    line.push([at, reading(process.signals, "fd.open").value, reading(process.signals, "socket.close_wait").value]);
    if (line.length > LIVE_MAX) line.splice(0, line.length - LIVE_MAX);
    this.live.set(process.pid, line);
    while (this.live.size > 8) this.live.delete(this.live.keys().next().value);
  }

  all(from) {
    const lines = [];
    for (const pid of new Set([...this.past.keys(), ...this.live.keys()])) {
      const past = [...(this.past.get(pid)?.values() ?? [])].sort((a, b) => a[0] - b[0]);
      const end = past.at(-1)?.[0] ?? 0;
      const points = [...past, ...(this.live.get(pid) ?? []).filter((point) => point[0] > end)].filter((point) => point[0] >= from);
      if (points.length > 0) lines.push({ pid, points });
    }
    return lines.sort((a, b) => a.points[0][0] - b.points[0][0]);
  }
}

/** Times at which a tier was active, the highest of all ladders. */
function bands(events, levels, current, [from, until]) {
  const moves = events.filter((event) => event.kind === "transition").map((event) => ({
    at: event.wall,
    key: `${event.process?.pid}/${event.fact.transition.policy}/${event.fact.transition.ladder}`,
    was: levels(event.fact.transition, event.fact.transition.from),
    is: levels(event.fact.transition, event.fact.transition.to),
  }));
  // Nothing stands any more for a process that has ended, nor where an agent begins: what it takes up it tells anew.
  for (const event of events.filter((one) => one.kind === "exited" || one.kind === "agent_started")) {
    for (const key of new Set(moves.map((move) => move.key))) {
      const ends = event.kind === "agent_started" || key.startsWith(`${event.process?.pid}/`);
      if (ends) moves.push({ at: event.wall, key, was: 0, is: 0 });
    }
  }
  moves.sort((a, b) => a.at - b.at);
  const standing = new Map();
  for (const move of moves) if (!standing.has(move.key)) standing.set(move.key, move.was);
  const highest = () => Math.max(0, ...standing.values());
  const found = [];
  let since = from;
  let level = moves.length > 0 ? highest() : current;
  for (const move of moves) {
    standing.set(move.key, move.is);
    const next = highest();
    if (next !== level) {
      if (level > 0 && move.at > since) found.push({ from: since, until: move.at, level });
      since = Math.max(move.at, from);
      level = next;
    }
  }
  // What the agent says now counts.
  if (current > 0) found.push({ from: since, until, level: current });
  return found;
}

/** Actions on the line: started, and what became of them. */
function marks(events) {
  const found = new Map();
  for (const event of events) {
    const { decision, judged } = event.fact;
    if (event.kind === "decision" && decision.verdict === "start") found.set(decision.id, { at: event.wall, kind: "", text: event.text });
    if (event.kind === "judged" && found.has(judged.decision) && judged.outcome !== "unknown") {
      found.get(judged.decision).kind = judged.outcome;
      found.get(judged.decision).text = event.text;
    }
  }
  return [...found.values()];
}

function clientTable() {
  const made = table("Descriptors that are clients of a pool", [["descriptor", "num"], ["pool", ""], ["client", ""], ["open for", "num"], ["unused for", "num"], ["", ""]]);
  return { element: made.element, set: (clients) => made.set(clients.map((one) => [one.descriptor, one.pool, one.application, spanOf(one.opened), spanOf(one.unused), one.abandoned ? "abandoned" : ""])) };
}

/** What a person may have done; shown where the token lets command. */
function actions(name) {
  const told = el("span", "quiet", "");
  told.setAttribute("role", "status");
  const button = (text, verb) => {
    const made = el("button", "", text);
    made.type = "button";
    made.addEventListener("click", async () => {
      made.disabled = true;
      say(told, "…");
      try {
        say(told, await tell(verb, { target: name }));
      } catch (error) {
        say(told, error.message);
      }
      made.disabled = false;
    });
    return made;
  };
  const hold = button("Hold everything disruptive back", "hold");
  const resume = button("Let it act again", "resume");
  const release = button("Release what waits", "release");
  const element = el("div", "actions", hold, resume, release, button("Keep evidence", "snapshot"), told);
  const set = (target, role) => {
    element.hidden = role !== "write";
    hold.hidden = target.human_hold;
    resume.hidden = !target.human_hold;
    release.hidden = target.latched.length === 0;
  };
  return { element, set };
}

/** A card for one process. */
function processCard(pid) {
  const figures = el("dl", "figures");
  const names = ["descriptors", "of limit", "runs out in", "growth", "CLOSE_WAIT", "oldest", "orphans", "memory"];
  const [open, limit, tte, growth, wait, oldest, orphans, memory] = names.map((name) => figure(figures, name));
  const command = el("p", "command line", "");
  const remotes = table(`Sockets of pid ${pid} by remote`, [["remote", ""], ["sockets", "num"], ["CLOSE_WAIT", "num"]]);
  const kinds = table(`Descriptors of pid ${pid} by kind`, [["kind", ""], ["descriptors", "num"]]);
  const clients = clientTable();
  const whereTo = fold("Sockets by remote", remotes.element);
  const what = fold("Descriptors by kind", kinds.element);
  const whose = fold("Clients of pools", clients.element);
  const more = el("div", "folds", whereTo.element, what.element, whose.element);
  const element = el("div", "process", command, figures);
  const set = (process) => {
    const of = (name) => reading(process.signals, name);
    say(command, `pid ${process.pid} · since ${moment(process.since)} · ${process.command}`);
    command.title = process.command;
    put(open, of("fd.open"), number);
    put(limit, of("fd.limit"), number);
    put(tte, of("fd.tte"), span);
    put(growth, of("fd.rate"), rate);
    put(wait, of("socket.close_wait"), number);
    put(oldest, of("socket.close_wait.oldest"), span);
    put(orphans, of("socket.orphans"), number);
    put(memory, of("process.rss"), (value) => `${(value / 2 ** 20).toFixed(0)} MiB`);
    whereTo.title(`Sockets by remote (${process.remotes.length})`);
    whose.title(`Clients of pools (${process.clients.length})`);
    whose.element.hidden = process.clients.length === 0;
    remotes.set(process.remotes);
    kinds.set(Object.entries(process.kinds));
    clients.set(process.clients);
  };
  const remove = () => {
    element.remove();
    more.remove();
  };
  return { element, more, remove, set };
}

/** A card for one target. */
export function targetCard(name) {
  const tier = el("span", "tier", "normal");
  const sought = el("p", "command line", "");
  const held = el("p", "held", "");
  const line = plot(name);
  const values = table(`Values of ${name}`, [["time", ""], ["pid", "num"], ["descriptors", "num"], ["CLOSE_WAIT", "num"]]);
  const why = el("pre", "why", "");
  why.tabIndex = 0;
  const doIt = actions(name);
  const processes = el("div", "");
  const below = el("div", "");
  const lines = new Lines();
  const cards = new Map();
  let levels = new Map();
  let window = [Date.now() - 600_000, Date.now()];

  const asked = async () => {
    try {
      const { value } = await ask(`/v1/explain?target=${encodeURIComponent(name)}`);
      say(why, value.map((one) => `pid ${one.pid}\n${one.text}`).join("\n") || "no process is guarded now");
      levels = new Map(value.flatMap((one) => one.value.ladders ?? []).flatMap((ladder) => ladder.tiers.map((each, at) => [`${ladder.standing.policy}/${ladder.standing.ladder}/${each.tier}`, at + 1])));
    } catch (error) {
      say(why, error.message);
    }
  };
  const whyFold = fold("Why it is treated so, and why not more", why, asked);
  const tableFold = fold("The line as a table", values.element, () => fill());
  const fill = () => {
    if (!tableFold.isOpen()) return;
    const rows = lines.all(window[0]).flatMap((one) => one.points.map((point) => [point[0], one.pid, point[1], point[2]]));
    rows.sort((a, b) => b[0] - a[0]);
    values.set(rows.slice(0, 120).map(([at, pid, open, wait]) => [moment(at), pid, open === null ? "–" : number(open), wait === null ? "–" : number(wait)]));
  };
  const title = el("h2", "", name);
  title.id = `target-${name}`;
  const element = el("section", "card", el("div", "row", title, tier), sought, held, processes, line.element, line.readout,
    el("div", "more", whyFold.element, below, tableFold.element), doIt.element);
  element.setAttribute("aria-labelledby", title.id);
  asked();

  return {
    element,
    setPast: (series) => lines.setPast(series.filter((one) => one.target === name)),
    refreshWhy: () => whyFold.isOpen() && asked(),
    add: (target, now) => target.processes.forEach((process) => lines.add(process, now)),
    set: (target, { now, length, events, role }) => {
      const top = target.processes.map(worst).reduce((a, b) => (b.level > a.level ? b : a), { level: 0, name: "normal" });
      const gone = target.processes.length === 0;
      say(tier, gone ? "no process" : top.name);
      tier.dataset.level = gone ? "2" : String(Math.min(top.level, 3));
      say(sought, `${target.policies.length > 0 ? `policy ${target.policies.join(", ")}` : "only watched"} · ${target.sought}`);
      sought.title = target.sought;
      const holds = [...new Set(target.processes.flatMap((process) => process.holds).map((hold) => (typeof hold === "string" ? hold : Object.keys(hold)[0])))];
      const notes = [
        target.human_hold ? "A person holds everything disruptive back." : "",
        target.latched.length > 0 ? `${plural(target.latched.length, "rule waits", "rules wait")} for a person: ${target.latched.join(", ")}.` : "",
        holds.length > 0 ? `Kept up: ${holds.join(", ").replaceAll("_", " ")}.` : "",
      ].filter(Boolean);
      held.hidden = notes.length === 0;
      say(held, notes.join(" "));
      const alive = new Set(target.processes.map((process) => process.pid));
      for (const [pid, card] of cards) if (!alive.has(pid)) { card.remove(); cards.delete(pid); }
      for (const process of target.processes) {
        if (!cards.has(process.pid)) {
          cards.set(process.pid, processCard(process.pid));
          processes.append(cards.get(process.pid).element);
          below.append(cards.get(process.pid).more);
        }
        cards.get(process.pid).set(process);
      }
      window = [now - length, now];
      const mine = events.filter((event) => event.target === name || event.kind === "agent_started");
      const levelOf = (move, to) => (to === null ? 0 : levels.get(`${move.policy}/${move.ladder}/${to}`) ?? 1);
      const limits = target.processes.map((process) => reading(process.signals, "fd.limit").value).filter((value) => value !== null && Number.isFinite(value));
      line.set({ from: window[0], until: window[1], lines: lines.all(window[0]), limit: limits.length > 0 ? Math.min(...limits) : null,
        bands: bands(mine, levelOf, top.level, window), marks: marks(mine) });
      doIt.set(target, role);
      fill();
    },
  };
}
