/** The whole site map. Pages load when they are first visited. */
import { createBrowserRouter, type RouteObject } from "react-router";
import type { ComponentType } from "react";
import { AppLayout } from "./layouts/AppLayout";
import { AuthLayout } from "./layouts/AuthLayout";
import { BillingLayout } from "./layouts/BillingLayout";
import { Home } from "./layouts/Home";
import { OperatorLayout } from "./layouts/OperatorLayout";
import { RootLayout } from "./layouts/RootLayout";
import { SettingsLayout } from "./layouts/SettingsLayout";
import { RouteError } from "./layouts/RouteError";

type PageModule = { default: ComponentType };
const page = (load: () => Promise<PageModule>) => async () => ({ Component: (await load()).default });

export const routes: RouteObject[] = [
  {
    element: <RootLayout />,
    errorElement: <RouteError />,
    children: [
      {
        element: <AuthLayout />,
        children: [
          { path: "/sign-in", lazy: page(() => import("./pages/SignInPage")) },
          { path: "/sign-up", lazy: page(() => import("./pages/SignUpPage")) },
          { path: "/verification", lazy: page(() => import("./pages/VerificationPage")) },
          { path: "/recovery", lazy: page(() => import("./pages/RecoveryPage")) },
          { path: "/invitation", lazy: page(() => import("./pages/InvitationPage")) },
          { path: "/account", lazy: page(() => import("./pages/AccountPage")) },
          { path: "/organisations", lazy: page(() => import("./pages/ChooseOrganisationPage")) },
          { path: "/organisations/new", lazy: page(() => import("./pages/NewOrganisationPage")) },
        ],
      },
      {
        path: "/operator",
        element: <OperatorLayout />,
        children: [
          { index: true, lazy: page(() => import("./pages/operator/CellsPage")) },
          { path: "pipeline", lazy: page(() => import("./pages/operator/PipelinePage")) },
          { path: "organisations", lazy: page(() => import("./pages/operator/TenantsPage")) },
          { path: "flags", lazy: page(() => import("./pages/operator/FlagsPage")) },
          { path: "announcements", lazy: page(() => import("./pages/operator/AnnouncementsPage")) },
          { path: "revenue", lazy: page(() => import("./pages/operator/RevenuePage")) },
          { path: "margins", lazy: page(() => import("./pages/operator/MarginsPage")) },
          { path: "prices", lazy: page(() => import("./pages/operator/PricesPage")) },
          { path: "contracts", lazy: page(() => import("./pages/operator/ContractsPage")) },
          { path: "payments", lazy: page(() => import("./pages/operator/PaymentsPage")) },
          { path: "audit", lazy: page(() => import("./pages/operator/PlatformAuditPage")) },
        ],
      },
      { path: "/mailbox", lazy: page(() => import("./pages/MailboxPage")) },
      {
        element: <AppLayout />,
        children: [
          { path: "/", element: <Home /> },
          { path: "/fleet", lazy: page(() => import("./pages/FleetPage")) },
          { path: "/add-device", lazy: page(() => import("./pages/AddDevicePage")) },
          { path: "/devices/:device", lazy: page(() => import("./pages/DevicePage")) },
          { path: "/import", lazy: page(() => import("./pages/ImportPage")) },
          { path: "/groups", lazy: page(() => import("./pages/GroupsPage")) },
          { path: "/groups/new", lazy: page(() => import("./pages/NewGroupPage")) },
          { path: "/groups/:group", lazy: page(() => import("./pages/GroupPage")) },
          { path: "/jobs", lazy: page(() => import("./pages/JobsPage")) },
          { path: "/jobs/:job", lazy: page(() => import("./pages/JobPage")) },
          { path: "/dead-letters", lazy: page(() => import("./pages/DeadLettersPage")) },
          { path: "/device-types", lazy: page(() => import("./pages/DeviceTypesPage")) },
          { path: "/device-types/:type", lazy: page(() => import("./pages/DeviceTypePage")) },
          { path: "/facilities", lazy: page(() => import("./pages/FacilitiesPage")) },
          { path: "/usage", lazy: page(() => import("./pages/UsagePage")) },
          {
            path: "/bill",
            element: <BillingLayout />,
            children: [
              { index: true, lazy: page(() => import("./pages/BillPage")) },
              { path: "invoices", lazy: page(() => import("./pages/InvoicesPage")) },
              { path: "invoices/:invoice", lazy: page(() => import("./pages/InvoicePage")) },
              { path: "plan", lazy: page(() => import("./pages/PlanPage")) },
              { path: "budget", lazy: page(() => import("./pages/BudgetPage")) },
            ],
          },
          {
            path: "/settings",
            element: <SettingsLayout />,
            children: [
              { index: true, lazy: page(() => import("./pages/settings/OrganisationPage")) },
              { path: "members", lazy: page(() => import("./pages/settings/MembersPage")) },
              { path: "roles", lazy: page(() => import("./pages/settings/RolesPage")) },
              { path: "keys", lazy: page(() => import("./pages/settings/KeysPage")) },
              { path: "certificates", lazy: page(() => import("./pages/settings/CertificatesPage")) },
              { path: "audit", lazy: page(() => import("./pages/settings/AuditPage")) },
              { path: "limits", lazy: page(() => import("./pages/settings/LimitsPage")) },
              { path: "data-access", lazy: page(() => import("./pages/settings/DataAccessPage")) },
            ],
          },
          { path: "*", lazy: page(() => import("./pages/NotFoundPage")) },
        ],
      },
    ],
  },
];

export const createRouter = () => createBrowserRouter(routes);
