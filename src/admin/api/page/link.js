// The way to the agent: the token, questions, and the stream of what happens.

const KEPT = "fdguard-token";
const REST = 2000;
const SILENT = 40_000;

/** The token of this tab: from behind the `#` of the address once, then from the tab's own store. */
export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEPT, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEPT);
}

export const keep = (value) => sessionStorage.setItem(KEPT, value);
export const forget = () => sessionStorage.removeItem(KEPT);

/** An answer that is none. */
export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function refusal(answer) {
  const told = await answer.json().catch(() => ({}));
  return new Refused(answer.status, told.error ?? `the agent answers ${answer.status}`);
}

const bearing = () => ({ Authorization: `Bearer ${sessionStorage.getItem(KEPT) ?? ""}` });

/** Asks; gives the value and what the token may. */
export async function ask(path) {
  const answer = await fetch(path, { headers: bearing(), cache: "no-store" });
  if (!answer.ok) throw await refusal(answer);
  return { value: await answer.json(), role: answer.headers.get("fdguard-role") };
}

/** Commands. */
export async function tell(verb, words) {
  const headers = { ...bearing(), "Content-Type": "application/json" };
  const answer = await fetch(`/v1/ctl/${verb}`, { method: "POST", headers, body: JSON.stringify(words) });
  if (!answer.ok) throw await refusal(answer);
  return (await answer.json()).taken;
}

/** Takes frames out of a stream of bytes; calls `take(kind, id, data)`. */
async function read(body, take, alive) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const fields = {};
      for (const line of block.split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
      if (fields.data) take(fields.event ?? "message", fields.id, JSON.parse(fields.data));
    }
  }
}

/** Listens until stopped, and comes back to where it was after a break. An `EventSource` can't bring a token. */
export function listen({ take, state }) {
  let last = null;
  let stop = null;
  const once = async () => {
    const cut = new AbortController();
    stop = () => cut.abort();
    let silence = null;
    const alive = () => {
      clearTimeout(silence);
      silence = setTimeout(() => cut.abort(), SILENT);
    };
    try {
      const headers = { ...bearing(), ...(last ? { "Last-Event-ID": last } : {}) };
      const answer = await fetch("/v1/events?status=true&from=held", { headers, signal: cut.signal, cache: "no-store" });
      if (!answer.ok) throw await refusal(answer);
      state("live");
      alive();
      await read(answer.body, (kind, id, data) => {
        last = id ?? last;
        take(kind, data);
      }, alive);
    } finally {
      clearTimeout(silence);
    }
  };
  let ended = false;
  (async () => {
    while (!ended) {
      let why = "the agent ended the stream";
      try {
        await once();
      } catch (error) {
        if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
          state("refused", error.message);
          return;
        }
        why = error instanceof Refused ? error.message : "the agent does not answer";
      }
      if (ended) return;
      state("away", why);
      await new Promise((done) => setTimeout(done, REST));
    }
  })();
  return () => {
    ended = true;
    stop?.();
  };
}
