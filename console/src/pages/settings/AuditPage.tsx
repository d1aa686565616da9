/** Settings: who did what in the organisation. */
import { auditExport, useAudit } from "../../api/audit";
import { AuditLog, useAuditFilter } from "../audit/AuditLog";
import { Gate } from "./Gate";

export default function AuditPage() {
  return (
    <Gate action="audit.read">
      <Audit />
    </Gate>
  );
}

function Audit() {
  const filter = useAuditFilter();
  return (
    <AuditLog
      title="Audit log"
      note="Every change and every refused attempt, chained so that none can be altered unseen"
      href={auditExport}
      file="audit.ndjson"
      who="ada@example.com"
      what="device/press_"
      filter={filter}
      result={useAudit(filter)}
    />
  );
}
