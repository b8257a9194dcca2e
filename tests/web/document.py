"""Holds the description of the API against the rules of OpenAPI 3.1 and against what a running agent answers.

    python document.py URL TOKEN_TO_LOOK TOKEN_TO_COMMAND
"""

import json
import re
import sys
import urllib.error
import urllib.request

from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

URL, LOOK, COMMAND = sys.argv[1:4]


def ask(path: str, token: str = LOOK, body: object = None) -> tuple[int, str, bytes]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(URL.rstrip("/") + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read()


document = json.loads(ask("/openapi.json")[2])
OpenAPIV31SpecValidator(document).validate()


def check(method: str, path: str, answer: tuple[int, str, bytes]) -> None:
    """The status, the type and the body of an answer are described so."""
    code, kind, body = answer
    described = document["paths"][path][method]["responses"].get(str(code))
    assert described, f"{method} {path} answers {code}, which is not described: {body!r}"
    content = described["content"]
    assert kind in content, f"{method} {path} answers {kind}, not one of {list(content)}"
    if kind == "application/json":
        schema = {**content[kind]["schema"], "components": document["components"]}
        errors = [f"{list(e.absolute_path)}: {e.message}" for e in OAS31Validator(schema).iter_errors(json.loads(body))]
        assert not errors, f"{method} {path}: {errors[:5]}"


for path, asked in {
    "/": "/",
    "/page/{file}": "/page/main.js",
    "/openapi.json": "/openapi.json",
    "/healthz": "/healthz",
    "/metrics": "/metrics",
    "/v1/status": "/v1/status",
    "/v1/explain": "/v1/explain",
    "/v1/history/events": "/v1/history/events?last=1h&limit=2000",
    "/v1/history/series": "/v1/history/series?signal=fd.open&signal=socket.close_wait&last=1h&points=50",
}.items():
    answer = ask(asked)
    assert answer[0] == 200, (asked, answer)
    check("get", path, answer)
    if document["paths"][path]["get"]["security"]:
        check("get", path, ask(asked, "wrong"))

assert json.loads(ask("/v1/history/events?last=1h")[2])["events"], "a check of nothing"
assert json.loads(ask("/v1/history/series?signal=fd.open")[2])["series"][0]["points"], "a check of nothing"
assert json.loads(ask("/v1/explain")[2]), "a check of nothing"
check("get", "/v1/history/series", ask("/v1/history/series?signal=nope"))
check("get", "/page/{file}", ask("/page/nope"))

command = document["paths"]["/v1/ctl/{verb}"]["post"]
arguments = set(document["components"]["schemas"]["Command"]["properties"])
for verb in command["parameters"][0]["schema"]["enum"]:
    # Every verb is known, and none takes what no verb has.
    answer = ask(f"/v1/ctl/{verb}", COMMAND, {"nonsense": 1})
    check("post", "/v1/ctl/{verb}", answer)
    told = json.loads(answer[2])["error"]
    assert answer[0] == 400 and "unknown field `nonsense`" in told, (verb, told)
    taken = set(re.findall(r"`(\w+)`", told.partition("expected")[2]))
    assert taken <= arguments, (verb, taken - arguments)
check("post", "/v1/ctl/{verb}", ask("/v1/ctl/fly", COMMAND, {}))
check("post", "/v1/ctl/{verb}", ask("/v1/ctl/hold", LOOK, {"target": "bot"}))
check("post", "/v1/ctl/{verb}", ask("/v1/ctl/hold", COMMAND, {"target": "nobody"}))
for verb in ("hold", "resume"):
    answer = ask(f"/v1/ctl/{verb}", COMMAND, {"target": "bot"})
    assert answer[0] == 200, answer
    check("post", "/v1/ctl/{verb}", answer)

# The check can fail.
wrong = {**document["components"]["schemas"]["Status"], "components": document["components"]}
status = json.loads(ask("/v1/status")[2])
assert list(OAS31Validator(wrong).iter_errors({**status, "more": 1}))
assert list(OAS31Validator(wrong).iter_errors({**status, "targets": [{"name": "bot"}]}))
