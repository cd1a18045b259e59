/* Asks and tells one window as Windows would, with an lparam of one's choice: Wine itself always has 0 there.
 *
 *   ask_window.exe TITLE LPARAM...   sends WM_QUERYENDSESSION to the top-level window with this title, with each LPARAM in turn, and says what it answered
 *   ask_window.exe TITLE --end LPARAM, --cancel LPARAM   sends WM_ENDSESSION with TRUE, with FALSE
 *   ask_window.exe TITLE --flood COUNT   sends COUNT questions and waits for no answer
 *
 * Status: 0 when all was sent, 2 when there is no such window.
 */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int count, char **words)
{
    HWND window = count > 1 ? FindWindowA(NULL, words[1]) : NULL;

    if (window == NULL) {
        printf("no window\n");
        return 2;
    }
    for (int at = 2; at < count; at++) {
        const char *word = words[at];
        const char *next = at + 1 < count ? words[at + 1] : "0";

        if (!strcmp(word, "--flood")) {
            long questions = strtol(next, NULL, 0);

            while (questions-- > 0)
                SendNotifyMessageA(window, WM_QUERYENDSESSION, 0, 0);
            printf("flooded\n");
            at++;
        } else if (!strcmp(word, "--end") || !strcmp(word, "--cancel")) {
            SendMessageA(window, WM_ENDSESSION, !strcmp(word, "--end"), (LPARAM)strtoull(next, NULL, 0));
            printf("told\n");
            at++;
        } else {
            printf("answer %d\n", (int)SendMessageA(window, WM_QUERYENDSESSION, 0, (LPARAM)strtoull(word, NULL, 0)));
        }
        fflush(stdout);
    }
    return 0;
}
