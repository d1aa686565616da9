/** What every page has: notifications, and the scroll position of its own. */
import { Outlet, ScrollRestoration } from "react-router";
import { ToastProvider } from "../ui/Toasts";

export function RootLayout() {
  return (
    <ToastProvider>
      <Outlet />
      <ScrollRestoration />
    </ToastProvider>
  );
}
