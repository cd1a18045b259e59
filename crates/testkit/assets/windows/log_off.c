/* Asks Windows for a log-off, as the page "How to Log Off the Current User" shows it.
 *
 *   log_off.exe            ExitWindows(0, 0)
 *   log_off.exe FLAGS      ExitWindowsEx(FLAGS, 0): 0 is EWX_LOGOFF, 4 EWX_FORCE, 0x10 EWX_FORCEIFHUNG
 *
 * Says what the call returned. Status: 0 when it was accepted, 1 when it was refused.
 */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

int main(int count, char **words)
{
    BOOL accepted;
    DWORD error;

    SetLastError(0);
    if (count > 1)
        accepted = ExitWindowsEx(strtoul(words[1], NULL, 0), 0);
    else
        accepted = ExitWindows(0, 0);
    error = GetLastError();
    printf("accepted=%d error=%lu\n", accepted != FALSE, accepted ? 0 : error);
    fflush(stdout);
    return accepted ? 0 : 1;
}
