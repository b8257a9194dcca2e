// The page: asks for a token, listens, and gives what it hears to the parts that draw it.

import { el, say } from "./draw.js";
import { Refused, ask, forget, keep, listen, token } from "./link.js";
import { legend } from "./plot.js";
import { pools } from "./pools.js";
import { targetCard, worst } from "./target.js";
import { bytes, moment, plural, seconds, span } from "./words.js";

const RANGES = [["10m", 10], ["1h", 60], ["6h", 360], ["24h", 1440]];
const EVENTS_MAX = 2000;
const SHOWN_MAX = 200;
const AGAIN = 60_000;
const WHY_AGAIN = 10_000;
const LATE = 5000;

const at = (id) => document.getElementById(id);
const state = { minutes: 10, events: [], status: null, heard: 0, role: null, stop: null, cards: new Map(), history: true, past: null };
const drawPools = pools(at("pools"), at("pool-list"));

function link(kind, text) {
  at("link").dataset.state = kind;
  say(at("link-text"), text);
}

function notice(text) {
  at("notice").hidden = text === "";
  say(at("notice"), text);
}

/** One sentence on how things stand. */
function verdict(status) {
  const processes = status.targets.flatMap((target) => target.processes.map((process) => ({ target, ...worst(process) })));
  const away = status.targets.filter((target) => target.processes.length === 0).map((target) => target.name);
  const waits = status.targets.filter((target) => target.latched.length > 0).map((target) => target.name);
  const high = processes.filter((one) => one.level > 0).sort((a, b) => b.level - a.level);
  if (waits.length > 0) return `${waits.join(", ")} waits for a person.`;
  if (high.length > 0) return `${high[0].target.name} is in ${high[0].name}${high.length > 1 ? `, and ${high.length - 1} more` : ""}.`;
  if (away.length > 0) return `${away.join(", ")} has no process.`;
  if (processes.length === 0) return "Nothing is guarded.";
  return `All quiet: ${plural(processes.length, "process", "processes")}, all normal.`;
}

function drawStatus() {
  const { status } = state;
  if (!status) return;
  const now = state.heard;
  say(at("verdict"), verdict(status));
  document.title = `${verdict(status).replace(/\.$/, "")} · fdguard`;
  const { agent } = status;
  const parts = [`version ${agent.version}`, `up ${span((now - agent.since) / 1000)}`, `${bytes(agent.rss)} resident`, `CPU ${span(seconds(agent.cpu))}`];
  say(at("agent"), (agent.dry_run ? "DRY RUN · " : "") + parts.join(" · "));
  notice(agent.history_lost ? `The history is not written: ${agent.history_lost}` : "");
  const named = new Set(status.targets.map((target) => target.name));
  for (const [name, card] of state.cards) if (!named.has(name)) { card.element.remove(); state.cards.delete(name); }
  const length = state.minutes * 60_000;
  for (const target of status.targets) {
    if (!state.cards.has(target.name)) {
      state.cards.set(target.name, targetCard(target.name));
      at("targets").append(state.cards.get(target.name).element);
      state.past ??= past();
    }
    state.cards.get(target.name).set(target, { now, length, events: state.events, role: state.role });
  }
  drawPools(status.pools ?? []);
}

/** Only the latest are shown; what was read stays where it is. */
function drawEvents() {
  const loud = at("loud").checked;
  const shown = state.events.filter((event) => !loud || event.loudness !== "info").slice(-SHOWN_MAX).reverse();
  at("no-events").hidden = shown.length > 0;
  const list = at("events");
  const scrolled = list.scrollTop;
  list.replaceChildren(...shown.map((event) => {
    const when = el("time", "", moment(event.wall));
    when.dateTime = new Date(event.wall).toISOString();
    const who = [event.target, event.process ? `pid ${event.process.pid}` : ""].filter(Boolean).join(" ");
    const row = el("li", "", when, el("span", "who", who || "agent"), el("span", "what", event.text));
    row.dataset.loud = event.loudness;
    return row;
  }));
  list.scrollTop = scrolled;
}

/** Lines of before this page was opened, where the agent keeps them. */
async function past() {
  if (!state.history) return;
  const last = `${state.minutes}m`;
  try {
    const { value } = await ask(`/v1/history/series?signal=fd.open&signal=socket.close_wait&last=${last}&points=600`);
    for (const card of state.cards.values()) card.setPast(value.series);
    const { value: found } = await ask(`/v1/history/events?last=${last}&limit=2000`);
    merge(found.events);
    drawStatus();
  } catch (error) {
    if (error instanceof Refused && error.status === 404) state.history = false;
  }
}

/** Events of the history and of the stream, each once. */
function merge(events) {
  const known = new Map([...events, ...state.events].map((event) => [`${event.wall} ${event.target} ${event.text}`, event]));
  state.events = [...known.values()].sort((a, b) => a.wall - b.wall).slice(-EVENTS_MAX);
  drawEvents();
}

let waiting = [];
function take(kind, data) {
  if (kind === "event") {
    // Those of one moment are drawn together.
    if (waiting.push(data) === 1) {
      setTimeout(() => {
        const all = waiting;
        waiting = [];
        merge(all);
        drawStatus();
      }, 50);
    }
  } else if (kind === "lost") {
    merge([{ wall: Date.now(), target: null, process: null, loudness: "warn", kind: "lost", fact: {},
      text: data.lost === null ? "some events were missed here; the history has them" : `${plural(data.lost, "event was", "events were")} missed here; the history has them` }]);
  } else if (kind === "status") {
    state.status = data;
    state.heard = Date.now();
    for (const target of data.targets) state.cards.get(target.name)?.add(target, state.heard);
    drawStatus();
    link("live", "live");
  }
}

function showDoor(fault) {
  state.stop?.();
  at("desk").hidden = true;
  at("leave").hidden = true;
  at("door").hidden = false;
  say(at("door-fault"), fault);
  link("away", "not connected");
  at("token").focus();
}

async function enter() {
  try {
    const { role } = await ask("/v1/status");
    state.role = role;
  } catch (error) {
    if (error instanceof Refused && error.status !== 503) {
      forget();
      showDoor(error.status === 401 ? "The agent does not know this token." : error.message);
      return;
    }
  }
  at("door").hidden = true;
  at("token").value = "";
  at("desk").hidden = false;
  at("leave").hidden = false;
  state.stop?.();
  state.stop = listen({
    take,
    state: (kind, why) => {
      if (kind === "refused") return showDoor("The agent does not know this token any more.");
      link(kind, kind === "live" ? "live" : `${why}; trying again`);
    },
  });
}

function ranges() {
  for (const [text, minutes] of RANGES) {
    const input = el("input");
    input.type = "radio";
    input.name = "range";
    input.checked = minutes === state.minutes;
    input.addEventListener("change", () => {
      state.minutes = minutes;
      drawStatus();
      past();
    });
    at("range").append(el("label", "", input, el("span", "", text)));
  }
}

at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(at("token").value.trim());
  enter();
});
at("leave").addEventListener("click", () => {
  forget();
  showDoor("");
});
at("loud").addEventListener("change", drawEvents);
setInterval(past, AGAIN);
setInterval(() => state.cards.forEach((card) => card.refreshWhy()), WHY_AGAIN);
setInterval(() => {
  if (state.heard && Date.now() - state.heard > LATE && at("link").dataset.state === "live") {
    link("late", `no word for ${span((Date.now() - state.heard) / 1000)}`);
  }
}, 1000);
at("targets").before(legend());
ranges();
if (token()) enter();
else showDoor("");
