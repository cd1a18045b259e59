#!/usr/bin/python3
"""A GtkApplication that registers with the session manager, for tests.

It prints, a line each, flushed:
    ready                           its window is shown
    signal NAME (ARGUMENTS)         a signal that the session manager sent it
    query-end                       GTK asks the application; GTK itself answers yes afterwards
    inhibited REASON, uninhibited   an inhibitor was taken, was given back
    shutdown                        GTK ends the application

It reads, a line each: "inhibit REASON", "uninhibit", "answer" (ends the silence of --answer ignore)
and "quit".
"""

import argparse
import sys
import time

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import Gio, GLib, Gtk  # noqa: E402

CLIENT = "org.gnome.SessionManager.ClientPrivate"


def say(*words):
    print(*words, flush=True)


class App(Gtk.Application):
    def __init__(self, options):
        super().__init__(
            application_id=options.app_id,
            flags=Gio.ApplicationFlags.NON_UNIQUE,
            register_session=True,
        )
        self.options = options
        self.cookie = 0
        self.window = None
        self.silence = None

    def do_startup(self):
        # Before GTK registers: a manager may query it the moment it has.
        bus = Gio.bus_get_sync(Gio.BusType.SESSION)
        bus.signal_subscribe(
            None, CLIENT, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal
        )
        Gtk.Application.do_startup(self)
        self.connect("query-end", self.on_query_end)
        # A GLib handler rather than a thread: what it does has to happen in the main loop.
        GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, self.on_input)

    def do_activate(self):
        self.window = Gtk.ApplicationWindow(application=self, title=self.options.title)
        self.window.set_default_size(300, 200)
        self.window.connect("map-event", lambda *_: say("ready"))
        self.window.show_all()

    def do_shutdown(self):
        say("shutdown")
        Gtk.Application.do_shutdown(self)

    def on_signal(self, _bus, _sender, _path, _interface, name, arguments):
        say("signal", name, arguments.print_(False))
        if name != "QueryEndSession" and self.silence is not None:
            self.silence.quit()

    def on_query_end(self, _app):
        say("query-end")
        if self.options.answer == "inhibit":
            self.take(self.options.reason)
        elif self.options.answer == "ignore":
            # Alive, and GTK does not answer until this returns.
            self.silence = GLib.MainLoop()
            self.silence.run()
            self.silence = None
        elif self.options.answer == "hang":
            time.sleep(1_000_000)

    def take(self, reason):
        self.cookie = self.inhibit(self.window, Gtk.ApplicationInhibitFlags.LOGOUT, reason)
        say("inhibited", reason)

    def on_input(self, _fd, _condition):
        line = sys.stdin.readline()
        if not line:
            return False
        verb, _, rest = line.strip().partition(" ")
        if verb == "inhibit":
            self.take(rest)
        elif verb == "uninhibit":
            self.uninhibit(self.cookie)
            say("uninhibited")
        elif verb == "answer" and self.silence is not None:
            self.silence.quit()
        elif verb == "quit":
            self.quit()
        return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", choices=["agree", "inhibit", "ignore", "hang"], default="agree")
    parser.add_argument("--reason", default="There are unsaved documents")
    parser.add_argument("--title", default="A GTK application")
    parser.add_argument("--app-id", default="org.example.Gtk")
    return App(parser.parse_args()).run([])


if __name__ == "__main__":
    sys.exit(main())
