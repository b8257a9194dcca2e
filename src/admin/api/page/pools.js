// Pools and streams: how they stand, their connections, their clients.

import { el, figure, fold, say, table } from "./draw.js";
import { bytes, number, reading, span, spanOf } from "./words.js";

const put = (set, told, show = number) => (told.gap ? set(told.gap, true) : set(show(told.value)));
const LEVEL = { running: "0", live: "0" };

function poolCard(name) {
  const mode = el("span", "tier", "");
  const figures = el("dl", "figures");
  const [active, idle, waiting, clients, errors, wait] = ["active", "idle", "waiting", "clients", "errors", "longest wait"].map((title) => figure(figures, title));
  const stream = el("dl", "figures");
  const [state, silence, messages, reconnects, dropped, gaps] = ["stream", "silent for", "messages", "reconnects", "dropped", "gaps"].map((title) => figure(stream, title));
  const notes = el("p", "quiet", "");
  const servers = table(`Server connections of ${name}`, [["user", ""], ["database", ""], ["state", ""], ["for", "num"], ["open for", "num"], ["uses", "num"]]);
  const guests = table(`Clients of ${name}`, [["client", ""], ["user", ""], ["pid", "num"], ["state", ""], ["for", "num"], ["", ""]]);
  const behind = fold("Server connections", servers.element);
  const before = fold("Clients", guests.element);
  const element = el("article", "card", el("div", "row", el("h2", "", name), mode), notes, figures, stream, el("div", "more", behind.element, before.element));
  const set = (pool) => {
    const of = (signal) => reading(pool.signals, signal);
    say(mode, pool.mode || "not heard from");
    mode.dataset.level = LEVEL[pool.mode] ?? "1";
    put(active, of("pool[].active"));
    put(idle, of("pool[].idle"));
    put(waiting, of("pool[].waiting"));
    put(clients, of("pool[].clients"));
    put(errors, of("pool[].errors"));
    put(wait, of("pool[].max_wait"), span);
    stream.hidden = !pool.stream;
    if (pool.stream) {
      state(pool.stream.state);
      silence(spanOf(pool.stream.silence) || "–");
      [[messages, "messages"], [reconnects, "reconnects"], [dropped, "dropped"], [gaps, "gaps"]].forEach(([set, key]) => set(number(pool.stream[key])));
    }
    const trading = pool.trading ? `order gate ${pool.trading.state}, ${pool.trading.refused} orders refused` : "";
    const traffic = pool.traffic ? `${bytes(pool.traffic.up)} up, ${bytes(pool.traffic.down)} down` : "";
    const cache = pool.cache ? `read cache ${pool.cache.hits} hits, ${pool.cache.misses} misses` : "";
    const breaker = pool.breaker && pool.breaker !== "closed" ? `breaker ${pool.breaker}` : "";
    say(notes, [breaker, trading, traffic, cache].filter(Boolean).join(" · "));
    notes.hidden = notes.textContent === "";
    behind.title(`Server connections (${pool.servers.length})`);
    before.title(`Clients (${pool.clients.length + pool.clients_more})`);
    servers.set(pool.servers.map((one) => [one.user, one.database, one.state + (one.retired ? `, ${one.retired}` : ""), spanOf(one.since), spanOf(one.age), one.uses]));
    guests.set(pool.clients.map((one) => [one.application || one.address, one.user, one.pid ?? "", one.state, spanOf(one.since), one.pinned ? "pinned" : ""]));
  };
  return { element, set };
}

/** All pools; the section is hidden where there is none. */
export function pools(section, list) {
  const cards = new Map();
  return (all) => {
    section.hidden = all.length === 0;
    const named = new Set(all.map((pool) => pool.name));
    for (const [name, card] of cards) if (!named.has(name)) { card.element.remove(); cards.delete(name); }
    for (const pool of all) {
      if (!cards.has(pool.name)) {
        cards.set(pool.name, poolCard(pool.name));
        list.append(cards.get(pool.name).element);
      }
      cards.get(pool.name).set(pool);
    }
  };
}
