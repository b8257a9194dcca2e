// Values as people read them.

const UNITS = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];

/** Seconds as two units: 1h 20m. */
export function span(seconds) {
  if (!Number.isFinite(seconds)) return "never";
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  let left = Math.round(seconds);
  const parts = [];
  for (const [size, unit] of UNITS) {
    if (left >= size && parts.length < 2) {
      parts.push(`${Math.floor(left / size)}${unit}`);
      left %= size;
    } else if (parts.length > 0) break;
  }
  return parts.join(" ") || "0s";
}

/** A time as the agent writes it. */
export const seconds = (time) => (time ? time.secs + time.nanos / 1e9 : null);

export const spanOf = (time) => (time ? span(seconds(time)) : "");

export function bytes(count) {
  if (count === null || count === undefined) return "?";
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (count >= size) return `${(count / size).toFixed(1)} ${unit}`;
  }
  return `${count} B`;
}

const GAPS = {
  not_yet: "not sampled yet", not_permitted: "not permitted", not_supported: "not offered by this kernel",
  gone: "the process has ended", late: "late", too_young: "too early to tell", not_configured: "not configured",
  no_room: "no room", failed: "failed", not_recorded: "not recorded", undefined: "not defined",
};

/** A reading: its value, or why there is none. */
export function reading(signals, name) {
  const told = signals?.[name];
  if (told && "known" in told) {
    const value = told.known === "inf" ? Infinity : told.known === "-inf" ? -Infinity : told.known;
    return { value, gap: null };
  }
  return { value: null, gap: GAPS[told?.unavailable] ?? "not seen" };
}

/** A number, short. */
export const number = (value) => (Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 1));

/** A rate per second, as people think of leaks. */
export function rate(value) {
  if (Math.abs(value) < 0.0005) return "steady";
  const sign = value > 0 ? "+" : "−";
  const size = Math.abs(value);
  return size >= 1 ? `${sign}${size.toFixed(1)}/s` : `${sign}${(size * 60).toFixed(1)}/min`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** A time of day, with the day where it is another one. */
export function moment(wall, now = Date.now()) {
  const at = new Date(wall);
  const today = new Date(now).toDateString() === at.toDateString();
  return today ? clock.format(at) : `${day.format(at)} ${clock.format(at)}`;
}

export const plural = (count, one, many) => `${count} ${count === 1 ? one : many}`;
