"""A notification server: says what it is to show, and clicks on it as it is told."""

import sys

from gi.repository import Gio, GLib

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
XML = """<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="s" direction="in"/><arg type="as" direction="in"/>
<arg type="a{sv}" direction="in"/><arg type="i" direction="in"/><arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
</interface></node>"""


def say(what):
    print(what, flush=True)


def emit(member, arguments):
    bus.emit_signal(None, PATH, NAME, member, arguments)


def called(_bus, _sender, _path, _interface, member, arguments, invocation):
    if member == "Notify":
        _, replaces, _, summary, body, actions, hints, timeout = arguments
        invocation.return_value(GLib.Variant("(u)", (7,)))
        how = f"replaced {replaces}" if replaces else "notified"
        say(f"{how}: {summary} / {body!r} / {actions} / urgency {hints['urgency']} / {timeout}")
    else:
        invocation.return_value(None)
        say(f"closed {arguments[0]}")
        emit("NotificationClosed", GLib.Variant("(uu)", (arguments[0], 3)))


def told(channel, _condition):
    words = channel.readline().split()
    if words and words[0] == "click":
        emit("ActionInvoked", GLib.Variant("(us)", (7, words[1])))
    elif words and words[0] == "dismiss":
        emit("NotificationClosed", GLib.Variant("(uu)", (7, 2)))
    return True


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
interface = Gio.DBusNodeInfo.new_for_xml(XML).interfaces[0]
bus.register_object(PATH, interface, called, None, None)
Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE, lambda *_: say("ready"), None)
GLib.io_add_watch(sys.stdin, GLib.IO_IN, told)
GLib.MainLoop().run()
