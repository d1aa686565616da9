/** A new claim token and all that a device needs to enrol with it: commands for openssl and curl, as they stand. */
import { useState } from "react";
import { useCertificateOverview } from "../api/certificate";
import { explain } from "../api/errors";
import { idProblem } from "../forms/deviceId";
import { useSession } from "../hooks/useSession";
import { CopyBlock } from "../ui/CopyBlock";
import { TextField } from "../ui/Field";
import { ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import styles from "./BundleDownload.module.css";
import { curlCommand, enrolCommand, trustCommand } from "./bundle";

export interface MadeToken {
  secret: string;
  est: string;
  /** The device that it is for; empty: any that its template takes. */
  device: string;
}

const unnamed = "DEVICE_ID";

export function EnrolCommands({ made }: { made: MadeToken }) {
  const { tenant } = useSession();
  const { data, error, refetch } = useCertificateOverview();
  const [written, setWritten] = useState("");
  const device = made.device || written.trim() || unnamed;
  return (
    <div className={styles.steps}>
      <Notice tone="brass" icon="warning">
        This is the only time the token is shown. Run these commands on the device, one after the other; its key never leaves it.
      </Notice>
      <CopyBlock text={made.secret} label="the claim token" wrap />
      {made.device === "" && (
        <TextField label="Device id in the commands" mono autoComplete="off" spellCheck={false} maxLength={63} placeholder={unnamed} value={written} error={written === "" ? undefined : idProblem(written)} onChange={(e) => setWritten(e.target.value)} />
      )}
      {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
      {!data && !error && <SkeletonRows rows={3} />}
      {data && (
        <ol>
          <li>
            <h3>Trust this installation</h3>
            <CopyBlock text={trustCommand(data.rootPem)} label="the command that writes ca.pem" />
          </li>
          <li>
            <h3>Make a key and enrol</h3>
            <CopyBlock text={enrolCommand(device, made.secret, made.est)} label="the enrolment commands" />
          </li>
          <li>
            <h3>Send a first message</h3>
            <CopyBlock text={curlCommand(tenant.ingestUrl)} label="the curl command" />
          </li>
        </ol>
      )}
    </div>
  );
}
