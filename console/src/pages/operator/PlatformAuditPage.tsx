/** Operations: what operators of the installation did, to it and to its organisations, and who was refused. */
import { platformAuditExport, usePlatformAudit } from "../../api/audit";
import { AuditLog, useAuditFilter } from "../audit/AuditLog";

export default function PlatformAuditPage() {
  const filter = useAuditFilter();
  return (
    <AuditLog
      title="Audit log of the installation"
      note="What operators did, and every refused attempt at it, chained so that none can be altered unseen"
      href={platformAuditExport}
      file="platform-audit.ndjson"
      who="ops@example.com"
      what="cell/eu-1"
      filter={filter}
      result={usePlatformAudit(filter)}
    />
  );
}
