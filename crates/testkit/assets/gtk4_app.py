#!/usr/bin/python3
"""A GtkApplication of GTK 4 that registers, for tests of the portal (GDK_DEBUG=portals).

It prints, a line each, flushed: "ready" (its window is shown), "query-end", "inhibited REASON", "uninhibited",
"shutdown". It reads, a line each: "inhibit REASON", "uninhibit".
"""

import argparse
import sys

import gi

gi.require_version("Gtk", "4.0")
from gi.repository import Gio, GLib, Gtk  # noqa: E402


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

    def do_startup(self):
        Gtk.Application.do_startup(self)
        self.connect("query-end", self.on_query_end)
        GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, self.on_input)

    def do_activate(self):
        self.window = Gtk.ApplicationWindow(application=self, title="A GTK 4 application")
        self.window.set_default_size(300, 200)
        self.window.connect("map", lambda *_: say("ready"))
        self.window.present()

    def do_shutdown(self):
        say("shutdown")
        Gtk.Application.do_shutdown(self)

    def on_query_end(self, _app):
        say("query-end")
        if self.options.refuse:
            self.take("There are unsaved documents")

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
        return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--refuse", action="store_true")
    parser.add_argument("--app-id", default="org.example.Gtk4")
    return App(parser.parse_args()).run([])


if __name__ == "__main__":
    sys.exit(main())
