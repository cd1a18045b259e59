/* An application that does what a test wants of it, and says each thing that happens to it on a line of its own:
 *
 *   ready PID
 *   query window=N wparam=W lparam=0xL       WM_QUERYENDSESSION; then, unless it hangs:
 *   answer window=N value=0|1
 *   end window=N wparam=W lparam=0xL         WM_ENDSESSION
 *   close window=N                           WM_CLOSE, after which the window is gone
 *   exit status=S
 *
 *   application.exe [OPTION]...
 *     --answer yes|no   what it answers a query; yes
 *     --box             asks with a box "End the session?" instead
 *     --press yes|no    asks with that box, and presses the button itself once the box is shown
 *     --hang            never answers a query
 *     --slow MS         answers after that long
 *     --stay            refuses WM_CLOSE
 *     --windows N       has N windows, or none; 1
 *     --title TEXT      their title; with more than one, with their number behind it
 *     --hidden          shows none of them
 *     --level N         its level among those that are asked (SetProcessShutdownParameters)
 *     --exit-on-end S   exits with status S when it is told that the session ends
 *     --log-off         asks for a log-off itself, once its windows are there
 */
#include <windows.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WINDOWS = 64, PRESS = 1 };

static struct {
    BOOL accepts, asks, hangs, stays, hidden, logs_off;
    int press, windows, exit_status;
    DWORD slow, level;
    const char *title;
} options = {.accepts = TRUE, .windows = 1, .exit_status = -1, .title = "application"};

static HWND windows[MOST_WINDOWS];
static int open_windows;

/* One line, in one piece: several processes may share the file. */
static void say(const char *format, ...)
{
    char line[256];
    DWORD written;
    va_list values;
    int length;

    va_start(values, format);
    length = vsnprintf(line, sizeof line - 1, format, values);
    va_end(values);
    if (length < 0)
        return;
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, length, &written, NULL);
}

static int number(HWND window)
{
    for (int i = 0; i < options.windows; i++)
        if (windows[i] == window)
            return i + 1;
    return 0;
}

/* Presses the box's button, once there is a box: it is the popup of the window that asks. */
static void CALLBACK press(HWND window, UINT message, UINT_PTR timer, DWORD time)
{
    HWND box = GetLastActivePopup(window);

    (void)message;
    (void)time;
    if (box == NULL || box == window || !IsWindowVisible(box))
        return;
    KillTimer(window, timer);
    PostMessageA(box, WM_COMMAND, MAKEWPARAM(options.press, BN_CLICKED), (LPARAM)GetDlgItem(box, options.press));
}

static LRESULT query(HWND window)
{
    BOOL answer = options.accepts;

    if (options.hangs)
        Sleep(INFINITE);
    if (options.slow)
        Sleep(options.slow);
    if (options.asks) {
        if (options.press)
            SetTimer(window, PRESS, 20, press);
        answer = MessageBoxA(window, "End the session?", options.title, MB_YESNO) == IDYES;
    }
    say("answer window=%d value=%d", number(window), answer);
    return answer;
}

static LRESULT CALLBACK handle(HWND window, UINT message, WPARAM wparam, LPARAM lparam)
{
    switch (message) {
    case WM_QUERYENDSESSION:
        say("query window=%d wparam=%llu lparam=0x%llx", number(window), wparam, lparam);
        return query(window);
    case WM_ENDSESSION:
        say("end window=%d wparam=%llu lparam=0x%llx", number(window), wparam, lparam);
        if (wparam && options.exit_status >= 0) {
            say("exit status=%d", options.exit_status);
            ExitProcess(options.exit_status);
        }
        return 0;
    case WM_CLOSE:
        say("close window=%d", number(window));
        if (!options.stays)
            DestroyWindow(window);
        return 0;
    case WM_DESTROY:
        if (--open_windows == 0)
            PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcA(window, message, wparam, lparam);
}

static const char *value(int *at, int count, char **words)
{
    if (++*at >= count) {
        say("error: %s needs a value", words[*at - 1]);
        ExitProcess(2);
    }
    return words[*at];
}

static void read_options(int count, char **words)
{
    for (int at = 1; at < count; at++) {
        const char *word = words[at];

        if (!strcmp(word, "--answer"))
            options.accepts = !strcmp(value(&at, count, words), "yes");
        else if (!strcmp(word, "--box"))
            options.asks = TRUE;
        else if (!strcmp(word, "--press")) {
            options.asks = TRUE;
            options.press = strcmp(value(&at, count, words), "yes") ? IDNO : IDYES;
        } else if (!strcmp(word, "--hang"))
            options.hangs = TRUE;
        else if (!strcmp(word, "--slow"))
            options.slow = strtoul(value(&at, count, words), NULL, 0);
        else if (!strcmp(word, "--stay"))
            options.stays = TRUE;
        else if (!strcmp(word, "--windows"))
            options.windows = atoi(value(&at, count, words));
        else if (!strcmp(word, "--title"))
            options.title = value(&at, count, words);
        else if (!strcmp(word, "--hidden"))
            options.hidden = TRUE;
        else if (!strcmp(word, "--level"))
            options.level = strtoul(value(&at, count, words), NULL, 0);
        else if (!strcmp(word, "--exit-on-end"))
            options.exit_status = atoi(value(&at, count, words));
        else if (!strcmp(word, "--log-off"))
            options.logs_off = TRUE;
        else {
            say("error: unknown: %s", word);
            ExitProcess(2);
        }
    }
    if (options.windows < 0 || options.windows > MOST_WINDOWS) {
        say("error: --windows takes 0 to %d", MOST_WINDOWS);
        ExitProcess(2);
    }
}

int main(int count, char **words)
{
    WNDCLASSA kind = {0};
    MSG message;

    read_options(count, words);
    kind.lpfnWndProc = handle;
    kind.hInstance = GetModuleHandleA(NULL);
    kind.hCursor = LoadCursorA(NULL, (LPCSTR)IDC_ARROW);
    kind.hbrBackground = (HBRUSH)(COLOR_WINDOW + 1);
    kind.lpszClassName = "application";
    RegisterClassA(&kind);
    if (options.level && !SetProcessShutdownParameters(options.level, 0))
        say("error: level %lu: %lu", options.level, GetLastError());
    for (int i = 0; i < options.windows; i++) {
        char title[128];

        snprintf(title, sizeof title, options.windows > 1 ? "%s %d" : "%s", options.title, i + 1);
        windows[i] = CreateWindowA(kind.lpszClassName, title, WS_OVERLAPPEDWINDOW, CW_USEDEFAULT, CW_USEDEFAULT, 400, 200,
                                   NULL, NULL, kind.hInstance, NULL);
        if (windows[i] == NULL) {
            say("error: no window: %lu", GetLastError());
            return 2;
        }
        open_windows++;
        if (!options.hidden)
            ShowWindow(windows[i], SW_SHOWNORMAL);
    }
    say("ready %lu", GetCurrentProcessId());
    if (options.logs_off && !ExitWindowsEx(EWX_LOGOFF, 0))
        say("error: no log-off: %lu", GetLastError());
    while (GetMessageA(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageA(&message);
    }
    say("exit status=%d", (int)message.wParam);
    return (int)message.wParam;
}
