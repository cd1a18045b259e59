"""A Qt 6 program that uses QSessionManager for all that it offers, for tests.

It prints one JSON object a line, flushed, for everything that happens to it; "event" names it:
    ready            its window is shown; "session" is its id at the session manager, "" without one
    commit           commitDataRequest; "phase2" tells which phase
    interaction      what allowsInteraction() returned, in "allowed"
    dialog           its own message box is shown; "title" is the box's
    answer           the user's choice, in "button": save, discard or cancel
    released         release() was called
    cancelled        cancel() was called
    committed        commitDataRequest is about to return
    save             saveStateRequest; "phase2" tells which phase
    saved            saveStateRequest is about to return
    quit             its last window was closed, or it was told to end
"""

import argparse
import json
import os
import sys
import time

from PyQt6.QtCore import QTimer
from PyQt6.QtGui import QSessionManager
from PyQt6.QtWidgets import QApplication, QMessageBox, QPlainTextEdit

MODES = ["agree", "dialog", "cancel", "hang", "crash"]

BUTTONS = {
    QMessageBox.StandardButton.Save: "save",
    QMessageBox.StandardButton.Discard: "discard",
    QMessageBox.StandardButton.Cancel: "cancel",
}


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Program:
    def __init__(self, options, application):
        self.options = options
        self.window = QPlainTextEdit()
        self.window.setWindowTitle(options.title)
        self.window.resize(320, 200)
        application.commitDataRequest.connect(self.commit)
        application.saveStateRequest.connect(self.save)
        application.aboutToQuit.connect(lambda: say("quit"))
        self.window.show()
        # Once the loop runs and the window is there: what a test types arrives from then on.
        QTimer.singleShot(0, lambda: say("ready", session=application.sessionId()))

    def commit(self, manager):
        say("commit", phase2=manager.isPhase2())
        mode = self.options.mode
        if mode == "hang":
            time.sleep(1_000_000)
        elif mode == "crash":
            os.abort()
        elif mode == "cancel":
            manager.cancel()
            say("cancelled")
        elif mode == "dialog":
            self.ask(manager)
        say("committed")

    def ask(self, manager):
        allowed = manager.allowsInteraction()
        say("interaction", allowed=allowed)
        if not allowed:
            return
        box = QMessageBox(self.window)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(self.options.title + ": unsaved")
        box.setText("Save the changes?")
        # With keys of their own, which a Qt without a desktop's theme does not give them.
        for button in BUTTONS:
            box.addButton(button).setText("&" + BUTTONS[button].capitalize())
        QTimer.singleShot(0, lambda: say("dialog", title=box.windowTitle()))
        answer = QMessageBox.StandardButton(box.exec())
        say("answer", button=BUTTONS[answer])
        if answer == QMessageBox.StandardButton.Cancel:
            manager.cancel()
            say("cancelled")
        else:
            manager.release()
            say("released")

    def save(self, manager):
        say("save", phase2=manager.isPhase2())
        manager.setRestartHint(QSessionManager.RestartHint.RestartIfRunning)
        manager.setRestartCommand([sys.executable, *sys.argv, "-session", manager.sessionId()])
        manager.setDiscardCommand(["true", manager.sessionId()])
        if self.options.phase2 and not manager.isPhase2():
            manager.requestPhase2()
        say("saved")


def main():
    parser = argparse.ArgumentParser()
    group = parser.add_mutually_exclusive_group()
    for mode in MODES:
        group.add_argument(f"--{mode}", dest="mode", action="store_const", const=mode)
    parser.add_argument("--phase2", action="store_true")
    parser.add_argument("--title", default="A Qt 6 program")
    parser.set_defaults(mode="agree")
    # What argparse does not know is Qt's: -session and its like.
    options, rest = parser.parse_known_args()
    application = QApplication([sys.argv[0], *rest])
    program = Program(options, application)  # noqa: F841  Qt keeps no reference to it.
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
