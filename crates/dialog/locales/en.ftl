# The words of the dialog, in the syntax of Project Fluent. A language is one file of this
# directory, named after it; a test tells what a new one lacks.

## What is about to happen

log-off = Log off
restart = Restart
power-off = Power off

confirm-log-off = Log off?
confirm-restart = Restart the computer?
confirm-power-off = Power off the computer?
confirm-detail = Every application is asked first. Nothing unsaved is closed without your word.

going-log-off = Logging off
going-restart = Restarting
going-power-off = Powering off

imposed = The session is ending
imposed-detail = The computer is being shut down, or the session was ended from outside. Applications save and close now.

# Whoever asked for it said why.
because = Reason: { $reason }

# Work in terminals that nothing ends, such as a job under nohup.
survives = Goes on after the end of the session: { $what }

## Who holds it up

held =
    { $count ->
        [one] One application holds this up.
       *[other] { $count } applications hold this up.
    }
asking = Applications are being asked.
closing = Applications are closing.
ending-all = Applications are being ended.
progress =
    { $total ->
        [one] { $closed } of { $total } application closed
       *[other] { $closed } of { $total } applications closed
    }

# An application of which nothing is known but that it is there.
unnamed = An unnamed application

holds-refusal = Does not agree.
holds-refusal-why = { $reason }
holds-inhibitor = Is busy, and does not say with what.
holds-inhibitor-why = { $reason }
holds-job = A program is still running in it.
holds-job-why = Still running: { $reason }
holds-window = Its window is still open.
holds-window-why = Still open: { $reason }
holds-not-responding = It does not answer.
holds-wants-user = Wants to ask you something.
holds-asks-user = Is asking you in its own window.
holds-slow = Has not answered yet.

not-responding = Not responding
waiting = Waiting for { $time }
seconds =
    { $n ->
        [one] { $n } second
       *[other] { $n } seconds
    }
minutes =
    { $n ->
        [one] { $n } minute
       *[other] { $n } minutes
    }
hours =
    { $n ->
        [one] { $n } hour
       *[other] { $n } hours
    }

# Said aloud when the list changes.
came = { $app }: { $why }
went = { $app } no longer holds this up.

## What the user can do

# The question of `endsession ask` where none is given.
ask = End the session?

cancel = Cancel
cancel-log-off = Cancel log-off
cancel-restart = Cancel restart
cancel-power-off = Cancel power-off
yes = Yes
no = No
ask-again = Ask again
show = Show
end-one = End…
end-all = End all anyway…
back = Back
details = Details
less = Hide details

# For assistive technology: what a button is about, beside its label.
show-app = Show { $app }
end-app = End { $app }

warn-end-one = End { $app } now? What it has not saved is lost.
do-end-one = End it
warn-end-all = End all that hold this up, now or later? What they have not saved is lost.
do-end-all = End all

## The narrow form, beside an application's own dialog

strip-answer = { $app } waits for your answer
strip-more =
    { $count ->
        [one] and one more
       *[other] and { $count } more
    }

## The menu

menu-title = End the session
menu-log-off = Close all applications and leave this session.
menu-restart = Close all applications and restart the computer.
menu-power-off = Close all applications and power off the computer.

## Lists, for assistive technology

list-of-holders = Applications that hold this up
list-of-ways = Ways to end the session
