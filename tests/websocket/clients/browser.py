"""A page in a real browser that listens to a stream while its upstream is killed and comes back.

    python browser.py PAGE PAGE_OF_ELSEWHERE

Says "ticking" once ticks come, goes on when it is told to, and says "done" where what the page heard has no gap but the one
that was marked. The page of elsewhere must not get a stream.
"""

import shutil
import sys
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

PAGE, ELSEWHERE = sys.argv[1:]
TICKS = "heard.filter((one) => one.stream).length"


def wait(page: Page, condition: str) -> None:
    try:
        page.wait_for_function(condition, timeout=30_000)
    except Exception:
        print(page.evaluate("[opened, ends, heard.slice(-20)]"), file=sys.stderr)
        raise


def nothing_is_missing_unmarked(heard: list[dict[str, Any]]) -> None:
    assert heard.pop(0) == {"id": 1, "result": None}, "the answer to its own subscription, and to no other"
    last, gaps = 0, 0
    for at, one in enumerate(heard):
        if "notice" in one:
            following = heard[at + 1]["n"]
            assert one == {"notice": "gap", "from": last, "to": following, "certain": True}, one
            last, gaps = following - 1, gaps + 1
        else:
            assert one == {"stream": "btc", "n": last + 1}, (last, one)
            last += 1
    assert gaps == 1, gaps


def it_stays_while_the_upstream_goes(browser: Browser) -> None:
    page = browser.new_page()
    page.goto(PAGE)
    wait(page, f"{TICKS} >= 5")
    print("ticking", flush=True)
    sys.stdin.readline()
    wait(page, "heard.slice(heard.findIndex((one) => one.notice)).length >= 6 && heard.some((one) => one.notice)")
    nothing_is_missing_unmarked(page.evaluate("heard"))
    assert page.evaluate("[opened, ends, stream.readyState]") == [1, [], 1]
    page.close()


def a_page_of_elsewhere_is_refused(browser: Browser) -> None:
    page = browser.new_page()
    page.goto(ELSEWHERE)
    wait(page, "ends.length > 0")
    assert page.evaluate("[opened, ends, heard]") == [0, [1006], []]
    page.close()


with sync_playwright() as playwright:
    program = shutil.which("chromium") or sys.exit("chromium: tests/setup installs it")
    # As root, as in a container, it does not start with a sandbox of its own.
    browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
    it_stays_while_the_upstream_goes(browser)
    a_page_of_elsewhere_is_refused(browser)
    browser.close()
print("done")
