"""http_hostile.py PORT [ROUNDS [SEED]] -- requests that are cut, too long, wrong, slow or random, to a server of
http_server.lua, which has to go on answering right ones. ROUNDS random requests are sent; 200 if left out."""
import random
import socket
import struct
import sys

port = int(sys.argv[1])
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 200
random.seed(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
passed = failed = 0


def check(name, good, details=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(("ok   " if good else "FAIL ") + name)
    if not good:
        print("     | " + repr(details)[:400])


def connect():
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def receive(connection):
    """All until the server closes the connection, or the bytes of an answer with a length are there."""
    data = b""
    try:
        while piece := connection.recv(65536):
            data += piece
            head, end, body = data.partition(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            if end and lengths and len(body) >= int(lengths[0].split(b":")[1]):
                break
    except OSError:
        pass
    return data


def send(*pieces, wait=60):
    """The answer to these bytes; b"" if there is none so soon."""
    with connect() as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        connection.settimeout(wait)
        return receive(connection)


def hostile(*pieces):
    """The same for what need not be answered: the server may wait for more."""
    return send(*pieces, wait=0.1)


def reset(*pieces):
    """Sends, and breaks the connection off."""
    connection = connect()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    try:
        for piece in pieces:
            connection.sendall(piece)
    except OSError:
        pass
    connection.close()


GOOD = b"GET /good?pid=7 HTTP/1.1\r\nHost: here\r\nAccept: text/x\r\nConnection: close\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: here\r\nX-Lunalloc-Token: t\r\nConnection: close\r\n"


def status(answer):
    return answer[9:12].decode() if answer.startswith(b"HTTP/1.") else ""


def lives(name):
    answer = send(GOOD)
    check(name + ": a right request is answered", answer.endswith(b"GET /good text/x 7 here"), answer)


def post(body, *headers, send=send):
    return send(POST + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body)


lives("at first")
check("a body", post(b"12345", b"Content-Length: 5").endswith(b"\r\n\r\n5 t"))
answer = post(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"Transfer-Encoding: chunked")
check("a body in pieces", answer.endswith(b"\r\n\r\n5 t"), answer)
check("a body that is as long as it may be", status(post(b"x" * 4096, b"Content-Length: 4096")) == "200")
check("one byte more", status(post(b"x" * 4097, b"Content-Length: 4097")) == "413")
check("much more", status(post(b"x" * 300000, b"Content-Length: 300000")) == "413")
check("an error of the answer", status(send(GOOD.replace(b"/good", b"/raise"))) == "500")
check("no answer", status(send(GOOD.replace(b"/good", b"/nothing"))) == "500")
check("a header with lines of its own", status(send(GOOD.replace(b"/good", b"/wrong"))) == "500")
lives("after errors")

for cut in range(len(GOOD)):
    reset(GOOD[:cut])
for cut in (0, 1, 10, 100):
    reset(POST + b"Content-Length: 101\r\n\r\n" + b"x" * cut)
    reset(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"65\r\n" + b"x" * cut)
    hostile(POST + b"Content-Length: 101\r\n\r\n" + b"x" * cut)
lives("after requests that are cut off")

for name, answer in {
        "a header of 1 MiB": hostile(GOOD[:-2] + b"X-Long: " + b"y" * (1 << 20) + b"\r\n\r\n"),
        "20,000 headers": hostile(GOOD[:-2] + b"".join(b"X-%d: z\r\n" % i for i in range(20000)) + b"\r\n"),
        "a path of 1 MiB": hostile(GOOD.replace(b"/good", b"/" + b"p" * (1 << 20))),
        "a method of 100 KiB": hostile(b"M" * 100000 + GOOD)}.items():
    check(name + " is refused", status(answer) in ("", "400", "413", "414", "431"), answer)
for length in (b"-1", b"x", b"99999999999999999999999", b"18446744073709551615", b"4 4", b"0x10", b""):
    answer = post(b"abcd", b"Content-Length: " + length, send=hostile)
    check("a length of " + repr(length.decode()), status(answer) in ("", "400", "413") or b"\r\n\r\n0 " in answer,
          answer)
answer = post(b"abcd", b"Content-Length: 4", b"Content-Length: 400", send=hostile)
check("two lengths", len(answer) < 1000)
for size in (b"-1", b"fffffffffffffffffff", b"7fffffffffffffff", b"zz", b"", b"3;x=" + b"e" * 100000):
    post(size + b"\r\nabc\r\n0\r\n\r\n", b"Transfer-Encoding: chunked", send=hostile)
post(b"3\r\nabc\r\n0\r\n" + b"T: t\r\n" * 10000 + b"\r\n", b"Transfer-Encoding: chunked", send=hostile)
lives("after lengths that are wrong")

for request in (b"\0" * 1000, b"\r\n" * 100000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /%00%zz%f0?pid=%00&pid&=&pid=1 HTTP/1.1\r\nHost: \0\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n: empty\r\nno colon\r\n\r\n", GOOD * 200,
                POST.replace(b"close", b"keep-alive") + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
                POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n0\r\n\r\n"):
    hostile(request)
    reset(request)
lives("after what is no request")

slow = [connect() for _ in range(40)]
for i in range(20):
    for connection in slow:
        connection.sendall(GOOD[i:i + 1])
    if i % 10 == 0:
        lives(f"while 40 clients have sent {i + 1} bytes")
for connection in slow:
    connection.close()
idle = []
for _ in range(160):
    try:
        idle.append(connect())
    except OSError:
        break
for connection in idle:
    connection.close()
lives("after more clients than it takes")

kept = connect()
for i in range(50):
    kept.sendall(GOOD.replace(b"close", b"keep-alive"))
    if not receive(kept).endswith(b"here"):
        break
check("50 requests by one connection", i == 49, i)
kept.close()

BASES = [GOOD, POST + b"Content-Length: 5\r\n\r\n12345",
         POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
WORDS = [b"\r\n", b"\r\n\r\n", b"\0", b":", b" ", b"\t", b"%", b"99999999999", b"-1", b"chunked", b"Content-Length: ",
         b"&", b"\xff" * 9, b"HTTP/1.0", b"a" * 20000, b"Connection: keep-alive\r\n"]
for _ in range(rounds):
    request = bytearray(random.choice(BASES))
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(request) + 1)
        choice = random.randrange(4)
        if choice == 0:
            request[at:at + 1] = bytes([random.randrange(256)])
        elif choice == 1:
            request[at:at] = random.choice(WORDS)
        elif choice == 2:
            del request[at:at + random.randrange(20)]
        else:
            request = request[:at] or request
    if random.randrange(3) == 0:
        reset(bytes(request))
    else:
        hostile(bytes(request[:len(request) // 2]), bytes(request[len(request) // 2:]))
lives(f"after {rounds} random requests")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
