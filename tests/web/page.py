"""Looks at the page as people do: types a token, reads the figures, moves by keys; and tries to have it run what a bot says.

    python page.py URL TOKEN_TO_LOOK TOKEN_TO_COMMAND MARKUP [FOLDER_FOR_PICTURES]
"""

import json
import re
import shutil
import sys
import urllib.request
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

URL, LOOK, COMMAND, MARKUP, SHOTS = (*sys.argv[1:], "")[:5]
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 780}, "is_mobile": True, "has_touch": True}
expect.set_options(timeout=30_000)

# A path with more than one point.
A_LINE = re.compile(r"^M.*L")

# The contrast of every visible text against what is behind it, as WCAG reckons it.
CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || node.closest("svg") || !node.checkVisibility() || node.closest(".skip")) continue;
    const [a, b] = [light(parse(getComputedStyle(node).color)), light(behind(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push([node.className || node.tagName, node.textContent.slice(0, 30), ratio.toFixed(2)]);
  }
  return low;
}"""


def opened(browser: Browser, **manner: Any) -> tuple[BrowserContext, Page, list[str]]:
    """A page, and what goes wrong on it: errors, refusals by its policy, requests to elsewhere."""
    context = browser.new_context(**manner)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith((URL, "data:")) else wrong.append(asked.url))
    return context, page, wrong


def unharmed(page: Page) -> None:
    """Nothing that a bot said has become part of the page."""
    assert "owned" not in page.title().split(), page.title()
    assert page.locator("img, iframe, object, main script, b").count() == 0
    assert page.locator("script").count() == 1


def live(page: Page) -> None:
    expect(page.locator("#link-text")).to_have_text("live")
    expect(page.locator("#target-bot")).to_be_visible()


def a_token_is_asked_for_once(browser: Browser) -> None:
    context, page, _ = opened(browser, **DESKTOP)
    page.goto(URL)
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="does not know this token")).to_be_visible()
    expect(page.locator("#desk")).to_be_hidden()
    assert "bot" not in page.locator("main").inner_text().lower().split()
    page.get_by_label("Token").fill("")
    page.keyboard.type(LOOK)
    page.keyboard.press("Enter")
    live(page)
    page.reload()
    live(page)
    assert page.evaluate("localStorage.length") == 0
    page.get_by_role("button", name="Forget token").click()
    expect(page.get_by_label("Token")).to_be_visible()
    page.reload()
    expect(page.get_by_label("Token")).to_be_visible()
    # Behind the # of the address it is taken once, and stands there no more.
    page.goto(f"{URL}#token={LOOK}")
    page.reload()
    live(page)
    assert LOOK not in page.url, page.url
    context.close()


def figures_are_the_agents(browser: Browser) -> None:
    context, page, wrong = opened(browser, **DESKTOP)
    page.goto(f"{URL}#token={LOOK}")
    live(page)
    request = urllib.request.Request(f"{URL}v1/status", headers={"Authorization": f"Bearer {LOOK}"})
    status = json.load(urllib.request.urlopen(request))
    process = next(one for one in status["targets"] if one["name"] == "bot")["processes"][0]
    card = page.locator("section.card", has=page.locator("#target-bot"))
    # The bot has leaked what it was to leak: the figures stand.
    expect(card.locator(".figures div", has_text="descriptors").locator("dd")).to_have_text(
        str(process["signals"]["fd.open"]["known"]).removesuffix(".0")
    )
    expect(card.locator(".figures div", has_text="CLOSE_WAIT").locator("dd")).to_have_text(
        str(process["signals"]["socket.close_wait"]["known"]).removesuffix(".0")
    )
    expect(card.locator(".tier")).to_have_text("warning")
    expect(page.locator("#verdict")).to_have_text("bot is in warning.")
    expect(card.locator(".plot .open").first).to_have_attribute("d", A_LINE)
    expect(card.locator(".plot .mark").first).to_be_attached()
    expect(card.locator(".plot .band1").first).to_be_attached()
    card.get_by_text("Why it is treated so").click()
    expect(card.locator("pre.why")).to_contain_text("plain/descriptors: warning")
    expect(page.locator("#events")).to_contain_text("tier changed")
    # Who may only look is offered nothing to press.
    expect(card.get_by_role("button")).to_have_count(0)
    assert not wrong, wrong
    context.close()


def keys_are_enough(browser: Browser) -> None:
    context, page, wrong = opened(browser, **DESKTOP)
    page.goto(f"{URL}#token={COMMAND}")
    live(page)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the figures")).to_be_focused()
    page.keyboard.press("Enter")
    reached: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("(document.activeElement.getAttribute('class') ?? '') + ' ' + document.activeElement.tagName"))
        if reached[-1].startswith("plot"):
            break
    assert reached[-1].startswith("plot"), reached
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".readout").first).to_contain_text("descriptors")
    page.keyboard.press("Escape")
    expect(page.locator(".readout").first).to_have_text("")
    card = page.locator("section.card", has=page.locator("#target-bot"))
    summary = card.locator("summary", has_text="The line as a table")
    summary.focus()
    page.keyboard.press("Enter")
    expect(card.get_by_role("region", name="Values of bot").locator("tbody tr").first).to_be_visible()
    page.get_by_role("radio", name="1h").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="1h")).to_be_checked()
    # And a person may act.
    hold = card.get_by_role("button", name="Hold everything disruptive back")
    hold.focus()
    page.keyboard.press("Enter")
    expect(card.locator(".held")).to_contain_text("A person holds")
    card.get_by_role("button", name="Let it act again").click()
    expect(card.locator(".held")).to_be_hidden()
    assert not wrong, wrong
    context.close()


def a_break_is_told_and_mended(browser: Browser) -> None:
    context, page, _ = opened(browser, **DESKTOP)
    page.goto(f"{URL}#token={LOOK}")
    live(page)
    page.route("**/v1/events*", lambda route: route.abort())
    context.set_offline(True)
    page.evaluate("window.stop()")
    expect(page.locator("#link-text")).to_contain_text("trying again")
    page.unroute("**/v1/events*")
    context.set_offline(False)
    live(page)
    context.close()


def what_a_bot_says_stays_text(browser: Browser) -> None:
    context, page, wrong = opened(browser, **DESKTOP)
    page.goto(f"{URL}#token={COMMAND}")
    live(page)
    # The command line of a real process.
    odd = page.locator("section.card", has=page.locator("#target-odd"))
    expect(odd).to_contain_text("<img src=x")
    unharmed(page)

    # And an agent that says it everywhere.
    def spoilt(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {inner: spoilt(one, inner) for inner, one in value.items()}
        if isinstance(value, list):
            return [spoilt(one, key) for one in value]
        return MARKUP if isinstance(value, str) and key not in ("loudness", "kind", "unavailable") else value

    request = urllib.request.Request(f"{URL}v1/status", headers={"Authorization": f"Bearer {LOOK}"})
    status = json.load(urllib.request.urlopen(request))
    span = {"secs": 1, "nanos": 0}
    status["agent"]["history_lost"] = "x"
    status["targets"][0]["latched"] = ["x"]
    process = status["targets"][0]["processes"][0]
    process["remotes"] = [["x", 1, 1]]
    process["kinds"] = {MARKUP: 3}
    process["tiers"] = {MARKUP: "x"}
    process["clients"] = [{"descriptor": 4, "pool": "x", "application": "x", "opened": span, "unused": span, "abandoned": True}]
    status["pools"] = [{"name": "x", "mode": "x", "asked": span, "signals": {}, "breaker": "x", "counters": {}, "clients_more": 0,
        "servers": [{"user": "x", "database": "x", "state": "x", "since": span, "age": span, "uses": 1, "retired": "x"}],
        "clients": [{"user": "x", "application": "x", "address": "x", "pid": 1, "state": "x", "since": span, "age": span, "pinned": True}],
        "stream": {"state": "x", "silence": None, "messages": 1, "reconnects": 0, "dropped": 0, "gaps": 0}}]
    event = {"wall": 1, "loudness": "error", "kind": "latched", "target": "x", "process": None, "text": "x", "fact": {}}
    frames = f"event: event\ndata: {json.dumps(spoilt(event))}\n\nevent: status\ndata: {json.dumps(spoilt(status))}\n\n"
    told = json.dumps(spoilt([{"target": "x", "pid": 1, "text": "x", "value": {}}]))
    page.route("**/v1/events*", lambda route: route.fulfill(content_type="text/event-stream", body=frames))
    page.route("**/v1/explain*", lambda route: route.fulfill(content_type="application/json", body=told))
    page.reload()
    expect(page.locator("#pool-list")).to_contain_text("<img src=x")
    expect(page.locator("#events")).to_contain_text("<img src=x")
    for summary in page.locator("summary").all():
        if summary.is_visible():
            summary.click()
    expect(page.locator("pre.why").first).to_contain_text("<img src=x")
    unharmed(page)
    assert not wrong, wrong
    context.close()


def it_is_readable_everywhere(browser: Browser) -> None:
    for device, manner in (("desktop", DESKTOP), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            context, page, wrong = opened(browser, color_scheme=scheme, **manner)
            page.goto(f"{URL}#token={COMMAND}")
            live(page)
            expect(page.locator("#targets .plot .open").first).to_have_attribute("d", A_LINE)
            for summary in page.locator("summary").all():
                if summary.is_visible():
                    summary.click()
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{device}: {wide} pixels wider than the screen"
            low = page.evaluate(CONTRAST)
            assert not low, f"{device}, {scheme}: {low}"
            unnamed = page.evaluate(
                "[...document.querySelectorAll('button, input, summary, [role=region], svg[tabindex]')]"
                ".filter((one) => one.checkVisibility() && !(one.labels?.length || one.textContent.trim() || one.ariaLabel))"
                ".map((one) => one.outerHTML)"
            )
            assert not unnamed, unnamed
            if SHOTS:
                page.screenshot(path=f"{SHOTS}/{device}-{scheme}.png", full_page=True)
            assert not wrong, wrong
            context.close()


LOOKS: list[Callable[[Browser], None]] = [
    a_token_is_asked_for_once,
    figures_are_the_agents,
    keys_are_enough,
    a_break_is_told_and_mended,
    what_a_bot_says_stays_text,
    it_is_readable_everywhere,
]

with sync_playwright() as playwright:
    program = shutil.which("chromium") or sys.exit("chromium: tests/setup installs it")
    # As root, as in a container, it does not start with a sandbox of its own.
    browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
    for look in LOOKS:
        print(look.__name__, flush=True)
        look(browser)
    browser.close()
