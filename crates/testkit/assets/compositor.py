# A process that answers at a Wayland socket and has the IPC of a compositor that Debian does not ship,
# as the compositor's own sources and protocol files have it. It shows nothing.
#
# compositor.py KIND FAULT [private]: KIND is hyprland-classic (0.53), hyprland-hyprlang and hyprland-lua (0.55),
# niri (25.11), river (0.3.12) or plain. FAULT is what is wrong with it: none, refuses, nonsense, silent,
# hangs-up, stays (it agrees to exit and does not), clings (the same, and it ignores SIGTERM), endless.
# "private": nobody may look into it, as into a program with capabilities of its own.
#
# It writes a line of what it is told, and reads the windows that it is to have from standard input, a
# list of JSON a line; "hang up" there ends the connections that follow its events.

import asyncio, ctypes, json, os, signal, struct, sys

KIND, FAULT = sys.argv[1:3]
RUNTIME = os.environ["XDG_RUNTIME_DIR"]
DISPLAY = "wayland-fake"

GLOBALS = ["wl_compositor", "wl_seat", "zwlr_foreign_toplevel_manager_v1"]
if KIND == "river":
    GLOBALS.append("zriver_control_v1")

windows = []
followers = []


def say(what):
    print(what, flush=True)


def leave(how):
    """The exit command has come."""
    say("told " + how)
    if FAULT in ("stays", "clings"):
        return
    asyncio.get_running_loop().call_soon(os._exit, 0)


def terminated(*_):
    say("SIGTERM")
    if FAULT != "clings":
        os._exit(0)


# ---- Wayland: wl_display, wl_registry, wl_callback, zriver_control_v1 ----

def event(obj, opcode, body=b""):
    return struct.pack("=II", obj, (8 + len(body)) << 16 | opcode) + body


def string(text):
    data = text.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + b"\0" * (-len(data) % 4)


async def wayland(reader, writer):
    objects, arguments = {1: "wl_display"}, []
    try:
        while True:
            obj, head = struct.unpack("=II", await reader.readexactly(8))
            opcode, body = head & 0xFFFF, await reader.readexactly((head >> 16) - 8)
            kind = objects.get(obj)
            if (kind, opcode) == ("wl_display", 0):
                (callback,) = struct.unpack("=I", body)
                writer.write(event(callback, 0, struct.pack("=I", 0)))
                writer.write(event(1, 1, struct.pack("=I", callback)))
            elif (kind, opcode) == ("wl_display", 1):
                (registry,) = struct.unpack("=I", body)
                objects[registry] = "wl_registry"
                for name, interface in enumerate(GLOBALS, 1):
                    version = struct.pack("=I", 1)
                    writer.write(event(registry, 0, struct.pack("=I", name) + string(interface) + version))
            elif (kind, opcode) == ("wl_registry", 0):
                name, length = struct.unpack_from("=II", body)
                new = struct.unpack("=I", body[-4:])[0]
                interface = body[8:8 + length - 1].decode()
                if GLOBALS[name - 1] != interface:
                    writer.write(event(1, 0, struct.pack("=II", obj, 0) + string("invalid global")))
                    break
                objects[new] = interface
            elif (kind, opcode) == ("zriver_control_v1", 1):
                length = struct.unpack_from("=I", body)[0]
                arguments.append(body[4:4 + length - 1].decode())
            elif (kind, opcode) == ("zriver_control_v1", 2):
                seat, callback = struct.unpack("=II", body)
                assert objects.get(seat) == "wl_seat"
                command, arguments = arguments, []
                await river(command, callback, writer)
            elif (kind, opcode) == ("zwlr_foreign_toplevel_manager_v1", 0):
                writer.write(event(obj, 1))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def river(command, callback, writer):
    if FAULT == "silent":
        return
    if FAULT == "hangs-up":
        writer.close()
    elif FAULT == "nonsense":
        writer.write(b"\xff" * 64)
    elif FAULT == "refuses" or command != ["exit"]:
        writer.write(event(callback, 1, string("unknown command")))
    else:
        writer.write(event(callback, 0, string("")))
        await writer.drain()
        leave("exit")


# ---- Hyprland: .socket.sock, one request a connection; .socket2.sock, EVENT>>DATA lines ----

async def hyprland(reader, writer):
    request = (await reader.read(4096)).decode()
    answer = faulty(request.startswith("/dispatch"))
    if answer is None:
        answer = hyprland_answer(request).encode()
    if answer is not SILENCE:
        writer.write(answer)
        try:
            await writer.drain()
        except ConnectionError:
            pass
        writer.close()
    else:
        await reader.read()


def hyprland_answer(request):
    flags, _, rest = request.partition("/") if "/" in request.split(" ")[0] else ("", "", request)
    name, _, argument = rest.partition(" ")
    if name == "status" and KIND != "hyprland-classic":
        provider = KIND.partition("-")[2]
        return '\n{\n    "configProvider": "%s",\n    "backend": "drm"\n}\n' % provider
    if name == "clients" and flags == "j":
        return json.dumps(windows)
    if name == "dispatch" and KIND == "hyprland-lua":
        return lua(argument)
    if name == "dispatch":
        return classic(argument)
    return "unknown request"


def classic(argument):
    name, _, argument = argument.partition(" ")
    if name == "exit":
        leave("exit")
        return "ok"
    if name in ("closewindow", "focuswindow"):
        say("told %s %s" % (name, argument))
        if name == "closewindow":
            close(lambda w: "address:" + w["address"] == argument)
        return "ok"
    return "Invalid dispatcher"


def lua(expression):
    if expression == "hl.dsp.exit()":
        leave("exit")
        return "ok"
    for name in ("close", "focus"):
        for call in ("hl.dsp.window.close", "hl.dsp.focus"):
            if call.endswith(name) and expression.startswith(call + "("):
                say("told " + expression)
                if name == "close":
                    close(lambda w: '"address:%s"' % w["address"] in expression)
                return "ok"
    error = "error: [string \"return hl.dispatch(%s)\"]:1: bad argument #1 to 'dispatch'" % expression
    if "(" in expression:
        return error
    return error + "\n\n → Note: dispatch in lua is a shorthand for hl.dispatch(...), your syntax might need to be updated."


# ---- niri: a line of JSON, a line of JSON ----

async def niri(reader, writer):
    while line := await reader.readline():
        request = json.loads(line)
        is_action = isinstance(request, dict)
        answer = faulty(is_action and "Quit" in request["Action"])
        if answer is SILENCE:
            continue
        if answer is None:
            answer = niri_answer(request)
        try:
            writer.write(answer)
            await writer.drain()
        except ConnectionError:
            break
        if FAULT == "hangs-up":
            break
        if request == "EventStream":
            followers.append(writer)
            writer.write(json.dumps({"WindowsChanged": {"windows": windows}}).encode() + b"\n")
            await reader.read()
    writer.close()


def niri_answer(request):
    reply = {"Err": "error parsing request: unknown variant"}
    if request == "Version":
        reply = {"Ok": {"Version": "25.11 (b35bcae)"}}
    elif request == "Windows":
        reply = {"Ok": {"Windows": windows}}
    elif request == "EventStream":
        reply = {"Ok": "Handled"}
    elif request == {"Action": {"Quit": {"skip_confirmation": True}}}:
        reply = {"Ok": "Handled"}
        leave("Quit")
    elif isinstance(request, dict) and "Action" in request:
        reply = {"Ok": "Handled"}
        say("told " + json.dumps(request["Action"]))
        if "CloseWindow" in request["Action"]:
            close(lambda w: w["id"] == request["Action"]["CloseWindow"]["id"])
    return json.dumps(reply).encode() + b"\n"


# ---- windows ----

def tell(line):
    for writer in followers:
        writer.write(line.encode() + b"\n")


def become(new):
    """These are its windows from now on; whoever follows hears what has changed."""
    global windows
    old, windows = windows, new
    key = "id" if KIND == "niri" else "address"
    gone = [w for w in old if w[key] not in [n[key] for n in new]]
    changed = [n for n in new if n not in old]
    if KIND == "niri":
        for w in gone:
            tell(json.dumps({"WindowClosed": {"id": w["id"]}}))
        for w in changed:
            tell(json.dumps({"WindowOpenedOrChanged": {"window": w}}))
        return
    known = [w[key] for w in old]
    for w in gone:
        tell("closewindow>>" + w["address"][2:])
    for w in changed:
        if w[key] in known:
            tell("windowtitlev2>>%s,%s" % (w["address"][2:], w["title"]))
        else:
            tell("openwindow>>%s,1,%s,%s" % (w["address"][2:], w["class"], w["title"]))


def close(which):
    become([w for w in windows if not which(w)])


async def orders():
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if order == "hang up":
            # As on somebody who does not listen fast enough.
            for writer in followers:
                writer.close()
            followers.clear()
            say("hung up")
            continue
        become(order)
        say("has %d windows" % len(windows))


async def follow(reader, writer):
    followers.append(writer)
    await reader.read()


# ---- what is wrong with it ----

SILENCE = object()


def faulty(is_exit):
    if FAULT == "silent":
        return SILENCE
    if FAULT == "hangs-up":
        return b""
    if FAULT == "nonsense":
        return b"\xff\xfe{]\0\n" * 20
    if FAULT == "endless":
        return b"x" * (8 << 20)
    if FAULT == "refuses" and is_exit:
        return b'{"Err":"not now"}\n' if KIND == "niri" else b"not now"
    return None


async def main():
    if "private" in sys.argv:
        PR_SET_DUMPABLE = 4
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGTERM, terminated)
    serve = asyncio.start_unix_server
    if KIND.startswith("hyprland"):
        instance = "%s/hypr/0fakecommit_1700000000_1234567890" % RUNTIME
        os.makedirs(instance, exist_ok=True)
        await serve(hyprland, instance + "/.socket.sock")
        await serve(follow, instance + "/.socket2.sock")
    elif KIND == "niri":
        await serve(niri, "%s/niri.%s.%d.sock" % (RUNTIME, DISPLAY, os.getpid()))
    await serve(wayland, "%s/%s" % (RUNTIME, DISPLAY))
    say("ready")
    await orders()
    await asyncio.Event().wait()


asyncio.run(main())
