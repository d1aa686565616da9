/** The buttons that save a certificate bundle: all of it, or one file at a time. */
import type { Credentials } from "../api/device";
import { Button } from "../ui/Button";
import { bundleFiles, bundleZip } from "./bundle";
import styles from "./BundleDownload.module.css";
import { download } from "./download";

interface BundleDownloadProps {
  deviceId: string;
  credentials: Credentials;
  onDownload?: () => void;
}

export function BundleDownload({ deviceId, credentials, onDownload }: BundleDownloadProps) {
  function saveAll() {
    download(`${deviceId}.zip`, bundleZip(credentials, new Date()), "application/zip");
    onDownload?.();
  }
  return (
    <div className={styles.bundle}>
      <Button kind="primary" size="large" icon="download" onClick={saveAll}>
        Download {deviceId}.zip
      </Button>
      <ul className={styles.files} aria-label="Single files">
        {bundleFiles(credentials).map((file) => (
          <li key={file.name}>
            <Button
              size="small"
              kind="quiet"
              icon="download"
              onClick={() => {
                download(file.name, file.text, "application/x-pem-file");
                onDownload?.();
              }}
            >
              {file.name}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
