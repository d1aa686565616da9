/** Every address of the console, as a typed function: the one place that knows how a URL is put together. */
const segment = encodeURIComponent;

const query = (values: Record<string, string | undefined>) => {
  const given = Object.entries(values).flatMap(([name, value]) => (value ? [`${name}=${segment(value)}`] : []));
  return given.length > 0 ? `?${given.join("&")}` : "";
};

export const paths = {
  home: () => "/",
  signIn: (next?: string) => (next && next !== "/" ? `/sign-in?next=${segment(next)}` : "/sign-in"),
  signUp: (next?: string) => (next && next !== "/" ? `/sign-up?next=${segment(next)}` : "/sign-up"),
  verification: (flow?: string, next?: string) => `/verification${query({ flow, next })}`,
  recovery: () => "/recovery",
  account: () => "/account",
  invitation: () => "/invitation",
  mailbox: () => "/mailbox",
  chooseOrganisation: () => "/organisations",
  newOrganisation: () => "/organisations/new",
  fleet: () => "/fleet",
  addDevice: () => "/add-device",
  device: ({ device }: { device: string }) => `/devices/${segment(device)}`,
  importDevices: () => "/import",
  groups: () => "/groups",
  newGroup: () => "/groups/new",
  group: ({ group }: { group: string }) => `/groups/${segment(group)}`,
  jobs: () => "/jobs",
  job: ({ job }: { job: string }) => `/jobs/${segment(job)}`,
  deadLetters: (device?: string) => `/dead-letters${query({ device })}`,
  deviceTypes: () => "/device-types",
  deviceType: ({ type }: { type: string }) => `/device-types/${segment(type)}`,
  facilities: () => "/facilities",
  usage: () => "/usage",
  bill: () => "/bill",
  invoices: () => "/bill/invoices",
  invoice: ({ invoice }: { invoice: string }) => `/bill/invoices/${segment(invoice)}`,
  plan: () => "/bill/plan",
  budget: () => "/bill/budget",
  operatorCells: () => "/operator",
  operatorTenants: () => "/operator/organisations",
  operatorPipeline: () => "/operator/pipeline",
  operatorFlags: () => "/operator/flags",
  operatorAnnouncements: () => "/operator/announcements",
  operatorRevenue: () => "/operator/revenue",
  operatorPrices: () => "/operator/prices",
  operatorMargins: () => "/operator/margins",
  operatorContracts: () => "/operator/contracts",
  operatorPayments: () => "/operator/payments",
  operatorAudit: () => "/operator/audit",
  settings: () => "/settings",
  settingsMembers: () => "/settings/members",
  settingsRoles: () => "/settings/roles",
  settingsKeys: () => "/settings/keys",
  settingsCertificates: () => "/settings/certificates",
  settingsAudit: () => "/settings/audit",
  settingsLimits: (limit?: string) => `/settings/limits${query({ limit })}`,
  settingsStore: () => "/settings/data-access",
};

/** Where to go after signing in: only an address of our own, never one that leads away. */
export function safeNext(next: string | null): string {
  if (!next || !next.startsWith("/") || next.startsWith("//") || next.includes("\\")) return paths.home();
  return next;
}
