/* An application of the desktop that asks its user before the session ends, as the page "How to Log Off the Current User" shows it:
 * Yes lets the session end, No keeps it.
 */
#include <windows.h>

static LRESULT CALLBACK handle(HWND window, UINT message, WPARAM wparam, LPARAM lparam)
{
    switch (message) {
    case WM_QUERYENDSESSION:
        return MessageBoxW(window, L"End the session?", L"End the session", MB_YESNO) == IDYES;
    case WM_DESTROY:
        PostQuitMessage(0);
        return 0;
    }
    return DefWindowProcW(window, message, wparam, lparam);
}

int WINAPI WinMain(HINSTANCE instance, HINSTANCE previous, LPSTR words, int show)
{
    WNDCLASSW kind = {0};
    MSG message;

    (void)previous;
    (void)words;
    kind.lpfnWndProc = handle;
    kind.hInstance = instance;
    kind.hCursor = LoadCursorW(NULL, (LPCWSTR)IDC_ARROW);
    kind.hbrBackground = (HBRUSH)(COLOR_WINDOW + 1);
    kind.lpszClassName = L"end_the_session";
    RegisterClassW(&kind);
    ShowWindow(CreateWindowW(kind.lpszClassName, L"Unsaved work", WS_OVERLAPPEDWINDOW, CW_USEDEFAULT, CW_USEDEFAULT, 400, 200,
                             NULL, NULL, instance, NULL), show);
    while (GetMessageW(&message, NULL, 0, 0) > 0) {
        TranslateMessage(&message);
        DispatchMessageW(&message);
    }
    return (int)message.wParam;
}
