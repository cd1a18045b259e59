# Listens on a Wayland socket and passes it on to the compositor that it starts, as `systemd --user` does
# with a socket unit and as a wrapper script may. It takes no connection itself, and stays.
#
# listener.py SOCKET COMMAND...

import os, signal, socket, sys

listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
listening.listen(8)
signal.signal(signal.SIGTERM, lambda *_: (print("SIGTERM", flush=True), os._exit(1)))
child = os.fork()
if child == 0:
    os.dup2(listening.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
    os.execvp(sys.argv[2], sys.argv[2:])
print(child, flush=True)
os.waitpid(child, 0)
print("ended", flush=True)
signal.pause()
