"""requests.py URL read|write -- what the server of a live page answers to right and to wrong requests."""
import http.client
import json
import sys
from urllib.parse import urlsplit

url, mode = urlsplit(sys.argv[1]), sys.argv[2]
token = url.path.strip("/")
passed = failed = 0


def check(name, good, details=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok   " if good else "FAIL ") + name)
    if not good:
        print("     | " + str(details)[:400])


def ask(method, path, body=None, chunked=False, **headers):
    """Status, headers and body of an answer."""
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    if chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = iter([body[i:i + 1000] for i in range(0, len(body), 1000)])
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, headers, encode_chunked=chunked)
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def change(body, token=token, **more):
    if token:
        more["X_Lunalloc_Token"] = token
    status, _, text = ask("POST", url.path + "change", body, **more)
    return status, json.loads(text)


check("the token is random", len(token) == 32 and len(set(token)) > 4, token)
status, headers, text = ask("GET", url.path)
check("the page", status == 200 and text.startswith("<!DOCTYPE html>") and "connect-src 'self'" in text, status)
check("nothing keeps a copy", headers["Cache-Control"] == "no-store")
check("nothing frames it", headers["X-Frame-Options"] == "DENY")
status, _, text = ask("GET", url.path + "data.json")
data = json.loads(text)
check("its data", status == 200 and data["schema"] == 1 and len(data["sections"]) >= 4, status)
check("read-only data have no token" if mode == "read" else "the page may write",
      (data["live"]["token"] == token, data["live"]["write"]) == ((False, False) if mode == "read" else (True, True)))
status, _, text = ask("HEAD", url.path)
check("HEAD", status == 200 and text == "", status)
for path in ("/", "/" + "0" * 32 + "/", url.path[:-2] + "/", "/data.json", url.path.upper()):
    status, _, text = ask("GET", path)
    check("without the token: " + path[:8], token not in text and "sections" not in text and
          (status == 404 or path == "/"), (status, text[:100]))
check("the metrics are there, too", ask("GET", "/metrics")[0] == 200)
status, _, text = ask("GET", url.path, Host="attacker.invalid:80")
check("another host's name", status == 403 and "sections" not in text, status)
check("a method that is none of these", ask("DELETE", url.path)[0] == 405)
check("a file that is not there", ask("GET", url.path + "../../etc/passwd")[0] == 404)
check("GET changes nothing", ask("GET", url.path + "change")[0] == 405)

purge = json.dumps({"purge": True})
if mode == "read":
    status, answer = change(purge)
    check("read-only: no change", status == 403 and "read-only" in answer["error"], (status, answer))
else:
    check("a change", change(purge) == (200, {"done": "purged"}))
    check("without the header", change(purge, token=None)[0] == 403)
    check("with a wrong token", [change(purge, token=wrong)[0] for wrong in ("0" * 32, token[:-1], token + "0")] ==
          [403, 403, 403])
    check("from a page of another origin", change(purge, Origin="http://attacker.invalid")[0] == 403)
    check("from this page", change(purge, Origin=f"http://{url.netloc}")[0] == 200)
    for body in ("", "{", "[]", "1", '{"set": 1, "value": "x"}', '{"set": "a\\u0000b", "value": "x"}', "\0" * 100):
        status, answer = change(body)
        check("no change: " + repr(body)[:30], status == 400 and answer["error"], (status, answer))
    status, answer = change(json.dumps({"set": "no.such.control", "value": "1"}))
    check("a control that is none", status == 400 and "no control" in answer["error"], answer)
    status, answer = change(json.dumps({"set": "version", "value": "1"}))
    check("a control that cannot be written", status == 400, answer)
    check("too much", change("x" * 5000)[0] == 413)
    check("too much, in pieces", change(b"x" * 50000, chunked=True)[0] == 413)
    check("a piece at a time", change(purge.encode(), chunked=True)[0] == 200)

print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
