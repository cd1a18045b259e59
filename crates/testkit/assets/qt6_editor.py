"""A Qt 6 editor that agrees to every log-off and asks only when it is closed or told to end.

Qt 6 has no commitDataRequest of a window any more: an editor that does not know session management
says yes with unsaved text, and its closeEvent is the first to ask. Once its text is modified a "*"
stands before its title.

It prints one JSON object a line, flushed; "event" names it:
    ready            its window is shown; "session" is its id at the session manager, "" without one
    modified         its text was changed, in "modified": true, or saved or discarded
    close            its window is asked to close, by its user or because Qt was told to quit
    dialog           its own message box is shown; "title" is the box's
    answer           the user's choice, in "button": save, discard or cancel
    quit             it ends
"""

import json
import sys

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QMessageBox, QPlainTextEdit

TITLE = "A Qt 6 editor"

BUTTONS = {
    QMessageBox.StandardButton.Save: "save",
    QMessageBox.StandardButton.Discard: "discard",
    QMessageBox.StandardButton.Cancel: "cancel",
}


def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Editor(QPlainTextEdit):
    def __init__(self):
        super().__init__()
        # Qt puts the star where the title says so.
        self.setWindowTitle("[*]" + TITLE)
        self.resize(320, 200)
        self.document().modificationChanged.connect(self.on_modified)

    def on_modified(self, modified):
        self.setWindowModified(modified)
        say("modified", modified=modified)

    def closeEvent(self, event):
        say("close")
        if not self.document().isModified():
            event.accept()
            return
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle(TITLE + ": unsaved")
        box.setText("Save the changes?")
        # With keys of their own, which a Qt without a desktop's theme does not give them.
        for button in BUTTONS:
            box.addButton(button).setText("&" + BUTTONS[button].capitalize())
        QTimer.singleShot(0, lambda: say("dialog", title=box.windowTitle()))
        answer = QMessageBox.StandardButton(box.exec())
        say("answer", button=BUTTONS[answer])
        if answer == QMessageBox.StandardButton.Cancel:
            event.ignore()
        else:
            self.document().setModified(False)
            event.accept()


def main():
    application = QApplication(sys.argv)
    application.aboutToQuit.connect(lambda: say("quit"))
    editor = Editor()
    editor.show()
    QTimer.singleShot(0, lambda: say("ready", session=application.sessionId()))
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
