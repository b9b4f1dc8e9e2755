"""A headless Chromium, driven through a pipe (Chrome's DevTools protocol): no driver, no package of Python's.

    with Browser() as browser:
        browser.open("file:///tmp/report.html")
        browser.run("document.title")

`requests`: the addresses that pages have asked for; `complaints`: errors of the console, and violations of the policy.
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

TIMEOUT = 60  # seconds; the machine may be busy


def program():
    """The path of a Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    def __init__(self, width=1100, height=900):
        self.folder = tempfile.mkdtemp(prefix="browser.")
        self.requests, self.complaints, self.events = [], [], []
        self.last, self.rest = 0, b""
        self.start()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Performance"):
            self.call(domain + ".enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def start(self):
        """Starts the program; it reads from descriptor 3 and writes to 4, texts that end with a zero byte."""
        read_end, self.input = os.pipe()
        self.output, write_end = os.pipe()

        def place():
            first, second = os.dup(read_end), os.dup(write_end)
            os.dup2(first, 3)
            os.dup2(second, 4)
            os.closerange(5, 64)

        flags = ["--headless=new", "--remote-debugging-pipe", "--user-data-dir=" + self.folder, "--no-first-run",
                 "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
                 "--disable-component-update", "--hide-scrollbars", "--no-sandbox"]
        self.process = subprocess.Popen([program(), *flags], preexec_fn=place, close_fds=False, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(read_end)
        os.close(write_end)

    session = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.session = None
            self.call("Browser.close")
            self.process.wait(10)
        except Exception:  # it is ended in any case
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        for _ in range(50):  # its children may still write there
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                break
            time.sleep(0.1)

    # ---- messages

    def receive(self, until):
        """The next message; None after the time `until`."""
        while b"\0" not in self.rest:
            if not select.select([self.output], [], [], max(0, until - time.time()))[0]:
                return None
            more = os.read(self.output, 1 << 20)
            if not more:
                raise RuntimeError("the browser has ended")
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(text)
        if "method" in message:
            self.note(message)
        return message

    def note(self, event):
        """Keeps what tests ask for."""
        method, params = event["method"], event["params"]
        self.events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(params["args"]))

    def call(self, method, **params):
        """Sends a command; returns its result."""
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.input, data):]
        until = time.time() + TIMEOUT
        while True:
            answer = self.receive(until)
            if answer is None:
                raise RuntimeError("no answer to " + method)
            if answer.get("id") == self.last:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]

    def wait_for(self, event):
        until = time.time() + TIMEOUT
        while event not in self.events:
            if self.receive(until) is None:
                raise RuntimeError("never: " + event)

    # ---- what a person does

    def open(self, url):
        """Opens a page and waits until it is drawn. Returns the seconds that took."""
        self.events.clear()
        begun = time.time()
        self.call("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
        return time.time() - begun

    def run(self, script):
        """The value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", "?"))
        return answer["result"].get("value")

    def until(self, script, seconds=TIMEOUT):
        """Waits until the expression is true; returns whether it got so."""
        end = time.time() + seconds
        while not self.run(script):
            if time.time() > end:
                return False
            time.sleep(0.05)
        return True

    def press(self, key):
        """Presses a key, by its name."""
        named = {"key": key, "code": key}
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27, "Tab": 9}
        if len(key) == 1:
            named["text"] = key
        if key in codes:
            named["windowsVirtualKeyCode"] = codes[key]
        self.call("Input.dispatchKeyEvent", type="keyDown", **named)
        self.call("Input.dispatchKeyEvent", type="keyUp", **{k: v for k, v in named.items() if k != "text"})

    def look(self, path, whole=True, clip=None):
        """Saves a picture of the page, or of a part of it."""
        options = {"format": "png", "captureBeyondViewport": whole}
        if clip:
            options["clip"] = {**clip, "scale": 1}
        elif whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            options["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", **options)["data"]))

    def part(self, selector, path):
        """Saves a picture of an element."""
        box = self.run(f"(() => {{ const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
                       "return { x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height }; })()")
        self.look(path, clip=box)

    def emulate(self, media="", **features):
        """Media: "print" or "screen"; features such as prefers_color_scheme="dark"."""
        self.call("Emulation.setEmulatedMedia", media=media,
                  features=[{"name": name.replace("_", "-"), "value": value} for name, value in features.items()])
