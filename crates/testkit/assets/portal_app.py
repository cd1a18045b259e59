#!/usr/bin/python3
"""An application of the portal, as a sandboxed one is: org.freedesktop.portal.Inhibit and nothing else.

It prints, a line each, flushed:
    ready                 its monitor is there
    state N               session-state: 1 running, 2 query end, 3 ending
    screensaver BOOL      screensaver-active, where it has changed
    inhibited, released   the portal has taken its call
    failed TEXT           a call failed

--answer agree | refuse (takes a hold, then answers) | silent | once (answers its first query alone).
At state 3 it leaves, but with --stay.

It reads, a line each: "inhibit FLAGS REASON", "flood COUNT" (so many holds, and "flooded"), "release", "answer", "quit".
"""

import argparse
import sys

from gi.repository import Gio, GLib

NAME = "org.freedesktop.portal.Desktop"
PATH = "/org/freedesktop/portal/desktop"
INHIBIT = "org.freedesktop.portal.Inhibit"


def say(*words):
    print(*words, flush=True)


class App:
    def __init__(self, options):
        self.options = options
        self.queries = 0
        self.request = None
        self.screensaver = False
        self.loop = GLib.MainLoop()
        self.bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        sender = self.bus.get_unique_name()[1:].replace(".", "_")
        self.session = f"{PATH}/session/{sender}/monitor"
        request = f"{PATH}/request/{sender}/create"
        self.bus.signal_subscribe(
            NAME, "org.freedesktop.portal.Request", "Response", request, None, 0, self.on_response
        )
        self.bus.signal_subscribe(
            NAME, INHIBIT, "StateChanged", PATH, None, 0, self.on_state
        )
        tokens = {
            "handle_token": GLib.Variant("s", "create"),
            "session_handle_token": GLib.Variant("s", "monitor"),
        }
        self.call("CreateMonitor", GLib.Variant("(sa{sv})", ("", tokens)))
        GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, self.on_input)

    def call(self, member, arguments, path=PATH, interface=INHIBIT):
        try:
            return self.bus.call_sync(NAME, path, interface, member, arguments, None, 0, -1, None)
        except GLib.Error as error:
            say("failed", error.message)
            return None

    def on_response(self, _bus, _sender, _path, _interface, _name, arguments):
        response, _results = arguments.unpack()
        say("ready" if response == 0 else f"failed response {response}")

    def on_state(self, _bus, _sender, _path, _interface, _name, arguments):
        session, state = arguments.unpack()
        if session != self.session:
            say("failed state of another session", session)
            return
        if state["screensaver-active"] != self.screensaver:
            self.screensaver = state["screensaver-active"]
            say("screensaver", self.screensaver)
        say("state", state["session-state"])
        if state["session-state"] == 2:
            self.queries += 1
            answer = self.options.answer
            if answer == "refuse":
                # Not waited for, as GTK does it: the portal gets both at once.
                self.inhibit(1, self.options.reason, wait=False)
            if answer in ("agree", "refuse") or (answer == "once" and self.queries == 1):
                self.answer()
        elif state["session-state"] == 3 and not self.options.stay:
            self.loop.quit()

    def answer(self):
        self.call("QueryEndResponse", GLib.Variant("(o)", (self.session,)))

    def inhibit(self, flags, reason, wait=True):
        arguments = GLib.Variant("(sua{sv})", ("", flags, {"reason": GLib.Variant("s", reason)}))
        if not wait:
            self.bus.call(NAME, PATH, INHIBIT, "Inhibit", arguments, None, 0, -1, None, self.inhibited)
            return
        reply = self.call("Inhibit", arguments)
        if reply is not None:
            self.request = reply.unpack()[0]
            say("inhibited")

    def inhibited(self, bus, result):
        self.request = bus.call_finish(result).unpack()[0]
        say("inhibited")

    def release(self):
        self.call("Close", None, self.request, "org.freedesktop.portal.Request")
        say("released")

    def on_input(self, _fd, _condition):
        line = sys.stdin.readline()
        if not line:
            return False
        verb, _, rest = line.strip().partition(" ")
        if verb == "inhibit":
            flags, _, reason = rest.partition(" ")
            self.inhibit(int(flags), reason)
        elif verb == "flood":
            for number in range(int(rest)):
                self.inhibit(1, f"Hold {number}")
            say("flooded")
        elif verb == "release":
            self.release()
        elif verb == "answer":
            self.answer()
        elif verb == "quit":
            self.loop.quit()
        return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", choices=["agree", "refuse", "silent", "once"], default="agree")
    parser.add_argument("--reason", default="There are unsaved documents")
    parser.add_argument("--stay", action="store_true")
    App(parser.parse_args()).loop.run()


if __name__ == "__main__":
    main()
