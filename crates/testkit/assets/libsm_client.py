"""A client of the real libSM and libICE, for tests: it does what it is told and says what happens.

It reads one JSON object a line; "do" names what to do:
    open            "previous": an id of before, or nothing
    set             "properties": [{"name", "type", "values": [text, ...]}]; a CARD8's text is a number
    delete          "names": [name, ...]
    get             the answer is the event "properties"
    request         SaveYourselfRequest: "save" local, global or both; "shutdown"; "interact" none,
                    errors or any; "fast"; "global"
    interact        InteractRequest: "dialog" error or normal
    interact-done   "cancel": whether the log-off is to be cancelled
    phase2          SaveYourselfPhase2Request
    done            SaveYourselfDone: "success"
    ping            IcePing
    close           "reasons": [text, ...]
    silent          reads nothing of the connection until "listen"
    listen          reads again
    exit            ends at once, with nothing closed; "code"

It prints one JSON object a line, flushed; "event" names it: ready, opened, refused, save-yourself,
die, save-complete, shutdown-cancelled, interact, phase2, properties, pong, closed, gone (the
connection broke, or its other side closed it), sm-error, ice-error; "did" follows every order that
has no answer of its own, and "failed" one that the library would not carry out.
"""

import ctypes
import json
import os
import select
import sys
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_ulong, c_void_p

ICE = ctypes.CDLL("libICE.so.6")
SM = ctypes.CDLL("libSM.so.6")

SAVE = ["global", "local", "both"]
INTERACT = ["none", "errors", "any"]
DIALOG = ["error", "normal"]
CLOSED = ["now", "asap", "in use"]


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Value(ctypes.Structure):
    _fields_ = [("length", c_int), ("value", c_void_p)]


class Property(ctypes.Structure):
    _fields_ = [
        ("name", c_char_p),
        ("type", c_char_p),
        ("count", c_int),
        ("values", POINTER(Value)),
    ]


# (connection, client data) and what each callback has besides.
Plain = CFUNCTYPE(None, c_void_p, c_void_p)
SaveYourself = CFUNCTYPE(None, c_void_p, c_void_p, c_int, c_int, c_int, c_int)
Properties = CFUNCTYPE(None, c_void_p, c_void_p, c_int, POINTER(POINTER(Property)))
IoError = CFUNCTYPE(None, c_void_p)
Error = CFUNCTYPE(None, c_void_p, c_int, c_int, c_ulong, c_int, c_int, c_void_p)


class Callbacks(ctypes.Structure):
    _fields_ = [
        ("save_yourself", SaveYourself),
        ("save_yourself_data", c_void_p),
        ("die", Plain),
        ("die_data", c_void_p),
        ("save_complete", Plain),
        ("save_complete_data", c_void_p),
        ("shutdown_cancelled", Plain),
        ("shutdown_cancelled_data", c_void_p),
    ]


def declare(library, name, result, *arguments):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments
    return function


open_connection = declare(
    SM, "SmcOpenConnection", c_void_p, c_char_p, c_void_p, c_int, c_int, c_ulong,
    POINTER(Callbacks), c_char_p, POINTER(c_void_p), c_int, c_char_p,
)  # fmt: skip
close_connection = declare(SM, "SmcCloseConnection", c_int, c_void_p, c_int, POINTER(c_char_p))
set_properties = declare(
    SM, "SmcSetProperties", None, c_void_p, c_int, POINTER(POINTER(Property))
)
delete_properties = declare(SM, "SmcDeleteProperties", None, c_void_p, c_int, POINTER(c_char_p))
get_properties = declare(SM, "SmcGetProperties", c_int, c_void_p, Properties, c_void_p)
interact_request = declare(SM, "SmcInteractRequest", c_int, c_void_p, c_int, Plain, c_void_p)
interact_done = declare(SM, "SmcInteractDone", None, c_void_p, c_int)
request_save_yourself = declare(
    SM, "SmcRequestSaveYourself", None, c_void_p, c_int, c_int, c_int, c_int, c_int
)
request_phase2 = declare(SM, "SmcRequestSaveYourselfPhase2", c_int, c_void_p, Plain, c_void_p)
save_yourself_done = declare(SM, "SmcSaveYourselfDone", None, c_void_p, c_int)
vendor = declare(SM, "SmcVendor", c_void_p, c_void_p)
release = declare(SM, "SmcRelease", c_void_p, c_void_p)
ice_connection = declare(SM, "SmcGetIceConnection", c_void_p, c_void_p)
set_sm_error_handler = declare(SM, "SmcSetErrorHandler", c_void_p, Error)
set_ice_error_handler = declare(ICE, "IceSetErrorHandler", c_void_p, Error)
set_io_error_handler = declare(ICE, "IceSetIOErrorHandler", c_void_p, IoError)
connection_number = declare(ICE, "IceConnectionNumber", c_int, c_void_p)
process_messages = declare(ICE, "IceProcessMessages", c_int, c_void_p, c_void_p, c_void_p)
set_shutdown_negotiation = declare(ICE, "IceSetShutdownNegotiation", None, c_void_p, c_int)
close_ice = declare(ICE, "IceCloseConnection", c_int, c_void_p)
ping = declare(ICE, "IcePing", c_int, c_void_p, Plain, c_void_p)
libc = ctypes.CDLL(None)
free = declare(libc, "free", None, c_void_p)


def taken(pointer):
    """The text at `pointer`, which the library gave away."""
    text = ctypes.string_at(pointer).decode() if pointer else ""
    free(pointer)
    return text


def names(words):
    return (c_char_p * len(words))(*[word.encode() for word in words])


class Client:
    def __init__(self):
        self.connection = None
        self.silent = False
        # ctypes keeps none of these alive by itself.
        self.callbacks = Callbacks(
            save_yourself=SaveYourself(self.on_save_yourself),
            die=Plain(lambda *_: say("die")),
            save_complete=Plain(lambda *_: say("save-complete")),
            shutdown_cancelled=Plain(lambda *_: say("shutdown-cancelled")),
        )
        self.on_interact = Plain(lambda *_: say("interact"))
        self.on_phase2 = Plain(lambda *_: say("phase2"))
        self.on_pong = Plain(lambda *_: say("pong"))
        self.on_properties = Properties(self.tell_properties)
        self.handlers = [
            IoError(lambda _: None),
            Error(lambda *what: self.tell_error("ice-error", what)),
            Error(lambda *what: self.tell_error("sm-error", what)),
        ]
        # The libraries' own handlers end the process.
        set_io_error_handler(self.handlers[0])
        set_ice_error_handler(self.handlers[1])
        set_sm_error_handler(self.handlers[2])

    @staticmethod
    def on_save_yourself(_connection, _data, save, shutdown, interact, fast):
        say(
            "save-yourself",
            save=SAVE[save],
            shutdown=bool(shutdown),
            interact=INTERACT[interact],
            fast=bool(fast),
        )

    @staticmethod
    def tell_error(event, what):
        _connection, _swap, opcode, sequence, kind, severity, _values = what
        say(event, opcode=opcode, sequence=sequence, kind=kind & 0xFFFF, severity=severity)

    @staticmethod
    def tell_properties(_connection, _data, count, properties):
        def values(prop):
            for value in prop.values[: prop.count]:
                raw = ctypes.string_at(value.value, value.length)
                yield str(raw[0]) if prop.type == b"CARD8" else raw.decode()

        found = [properties[index].contents for index in range(count)]
        # What the library hands over here is a few hundred bytes that nobody frees.
        say(
            "properties",
            properties=[
                {"name": p.name.decode(), "type": p.type.decode(), "values": list(values(p))}
                for p in found
            ],
        )

    def fileno(self):
        return connection_number(ice_connection(self.connection))

    def process(self):
        ice = ice_connection(self.connection)
        status = process_messages(ice, None, None)
        if status == 1:
            # Nobody is there to agree to a close.
            set_shutdown_negotiation(ice, 0)
            close_connection(self.connection, 0, None)
        if status != 0:
            self.connection = None
            say("gone")

    def obey(self, order):
        verb = order["do"].replace("-", "_")
        if verb not in ("open", "exit", "silent", "listen") and self.connection is None:
            say("failed", why="there is no connection")
            return
        getattr(self, "do_" + verb)(order)

    def do_open(self, order):
        given = c_void_p()
        error = ctypes.create_string_buffer(256)
        previous = order.get("previous")
        self.connection = open_connection(
            None, None, 1, 0, 0b1111, ctypes.byref(self.callbacks),
            previous.encode() if previous else None, ctypes.byref(given), len(error), error,
        )  # fmt: skip
        if self.connection is None:
            say("refused", why=error.value.decode())
        else:
            say(
                "opened",
                id=taken(given),
                vendor=taken(vendor(self.connection)),
                release=taken(release(self.connection)),
            )

    def do_set(self, order):
        properties = []
        for wanted in order["properties"]:
            kind, texts = wanted["type"], wanted["values"]
            raw = [bytes([int(t)]) if kind == "CARD8" else t.encode() for t in texts]
            buffers = [ctypes.create_string_buffer(value, len(value) or 1) for value in raw]
            pairs = [(len(v), ctypes.cast(b, c_void_p)) for v, b in zip(raw, buffers)]
            values = (Value * len(pairs))(*pairs)
            prop = Property(wanted["name"].encode(), kind.encode(), len(pairs), values)
            # The buffers live as long as what points at them.
            properties.append((prop, buffers))
        pointers = [ctypes.pointer(prop) for prop, _ in properties]
        array = (POINTER(Property) * len(pointers))(*pointers)
        set_properties(self.connection, len(pointers), array)
        say("did")

    def do_delete(self, order):
        delete_properties(self.connection, len(order["names"]), names(order["names"]))
        say("did")

    def do_get(self, _order):
        self.tried(get_properties(self.connection, self.on_properties, None))

    def do_request(self, order):
        request_save_yourself(
            self.connection,
            SAVE.index(order["save"]),
            order["shutdown"],
            INTERACT.index(order["interact"]),
            order["fast"],
            order["global"],
        )
        say("did")

    def do_interact(self, order):
        dialog = DIALOG.index(order["dialog"])
        self.tried(interact_request(self.connection, dialog, self.on_interact, None))

    def do_interact_done(self, order):
        interact_done(self.connection, order["cancel"])
        say("did")

    def do_phase2(self, _order):
        self.tried(request_phase2(self.connection, self.on_phase2, None))

    def do_done(self, order):
        save_yourself_done(self.connection, order["success"])
        say("did")

    def do_ping(self, _order):
        self.tried(ping(ice_connection(self.connection), self.on_pong, None))

    def do_close(self, order):
        reasons = order.get("reasons", [])
        status = close_connection(self.connection, len(reasons), names(reasons))
        self.connection = None
        say("closed", status=CLOSED[status])

    def do_silent(self, _order):
        self.silent = True
        say("did")

    def do_listen(self, _order):
        self.silent = False
        say("did")

    def do_exit(self, order):
        os._exit(order.get("code", 0))

    @staticmethod
    def tried(status):
        """Says of an order with an answer of its own only that there will be none."""
        if not status:
            say("failed", why="the library would not")


def main():
    client = Client()
    say("ready")
    # Unbuffered: a line that waits in a buffer does not wake select.
    orders = os.fdopen(sys.stdin.fileno(), "rb", buffering=0)
    while True:
        listens = client.connection is not None and not client.silent
        ready, _, _ = select.select([orders] + [client] * listens, [], [])
        if orders in ready:
            line = orders.readline()
            if not line:
                return
            client.obey(json.loads(line))
        elif client in ready:
            client.process()


if __name__ == "__main__":
    main()
