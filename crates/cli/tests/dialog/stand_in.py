"""A stand-in for the dialog: a client of the control interface that behaves as its argument says.

Everything that it does is a line of the file that is its first argument, so that a test can wait for it.
"""

import json
import os
import signal
import sys

from gi.repository import Gio, GLib

log, manner = sys.argv[1], sys.argv[2]
NAME, PATH = "org.endsession.Manager1", "/org/endsession/Manager1"


def say(what):
    with open(log, "a", encoding="utf-8") as out:
        out.write(what + "\n")


say(f"started {os.getpid()}")
if manner == "crashes":
    os.abort()
if manner == "hangs":
    signal.pause()
bus = Gio.bus_get_sync(Gio.BusType.SESSION)


def call(member):
    return bus.call_sync(NAME, PATH, NAME, member, None, None, Gio.DBusCallFlags.NONE, 30000, None)


def heard(_bus, _sender, _path, _interface, _signal, arguments):
    event = json.loads(arguments[0])
    if event["event"] in ("joined", "activated"):
        say(event["event"])
    if event["event"] == "joined":
        # What was seen has to say so once more.
        call("Show")
    if manner != "stays" and (event["event"] == "finished" or event == {**event, "event": "show", "on": False}):
        say("closes")
        loop.quit()


loop = GLib.MainLoop()
bus.signal_subscribe(None, NAME, "Event", PATH, None, Gio.DBusSignalFlags.NONE, heard)
call("Watch")
if manner == "stays":
    signal.signal(signal.SIGTERM, lambda *_: say("ignores SIGTERM"))
if manner == "window":
    import gi

    gi.require_version("Gdk", "3.0")
    gi.require_version("Gtk", "3.0")
    from gi.repository import Gdk, Gtk

    GLib.set_prgname("org.endsession.Dialog")
    Gdk.set_program_class("org.endsession.Dialog")
    window = Gtk.Window(title="* Dialog")
    window.connect("delete-event", lambda *_: say("was closed") or True)
    window.connect("map-event", lambda *_: (call("Show"), say("shown")) and False)
    window.show_all()
else:
    call("Show")
    say("shown")
if manner == "leaves the bus":
    bus.close_sync()
    say("left the bus")
loop.run()
