/** Many devices from a file: drop it, see what would happen, begin. */
import { useRef, useState, type DragEvent } from "react";
import { Link, useNavigate } from "react-router";
import { mostBytes, useImport, usePreviewImport, type ImportResponse } from "../api/bulk";
import { explain } from "../api/errors";
import { download } from "../bundle/download";
import { formatBytes, formatCount } from "../format/number";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { BackLink } from "../ui/BackLink";
import { Badge } from "../ui/Badge";
import { Button, buttonClass } from "../ui/Button";
import { Icon } from "../ui/Icon";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { ErrorPanel, Notice, SkeletonRows } from "../ui/States";
import { ErrorTable } from "./jobs/ErrorTable";
import { Gate } from "./settings/Gate";
import styles from "./ImportPage.module.css";

const example = "device_id,device_type,facility,line,station,label:site\npress_01,press,north,line_a,1,berlin\npress_02,press,north,line_a,2,berlin\n";

export default function ImportPage() {
  useTitle("Import devices");
  return (
    <Page
      title="Import devices"
      note="Up to 10,000 devices from one CSV file, each with its certificate."
      above={<BackLink to={paths.fleet()}>Fleet</BackLink>}
      actions={
        <Link className={buttonClass()} to={paths.jobs()}>
          <Icon name="list" size={18} /> All jobs
        </Link>
      }
    >
      <Gate action="devices.write">
        <Import />
      </Gate>
    </Page>
  );
}

function Import() {
  const [file, setFile] = useState<{ name: string; size: number; csv: string }>();
  const [refusal, setRefusal] = useState<string>();
  const preview = usePreviewImport();
  const start = useImport();
  const navigate = useNavigate();

  async function take(chosen: File | undefined) {
    if (!chosen) return;
    setRefusal(undefined);
    setFile(undefined);
    preview.reset();
    start.reset();
    if (chosen.size > mostBytes) {
      setRefusal(`${chosen.name} has ${formatBytes(chosen.size)} and ${formatBytes(mostBytes)} are taken: split it.`);
      return;
    }
    const csv = await chosen.text();
    setFile({ name: chosen.name, size: chosen.size, csv });
    preview.mutate({ csv, validateOnly: true });
  }

  async function begin() {
    if (!file) return;
    const answer = await start.mutateAsync({ csv: file.csv }).catch(() => undefined);
    if (answer?.job) void navigate(paths.job({ job: answer.job.jobId }));
  }

  return (
    <>
      <Panel title="The file" note="Its first line names the columns: device_id and device_type; facility, line, station, firmware, csr and label:NAME if you like.">
        <Drop name={file?.name} size={file?.size} onFile={take} />
        {refusal && (
          <Notice tone="rust" icon="warning">
            {refusal}
          </Notice>
        )}
      </Panel>
      {preview.error && <ErrorPanel {...explain(preview.error)} />}
      {start.error && <ErrorPanel {...explain(start.error)} onRetry={begin} />}
      {preview.isPending && (
        <Panel>
          <SkeletonRows rows={3} />
        </Panel>
      )}
      {preview.data && <Preview found={preview.data} busy={start.isPending} onBegin={begin} />}
    </>
  );
}

function Drop({ name, size, onFile }: { name: string | undefined; size: number | undefined; onFile: (file: File | undefined) => void }) {
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    onFile(event.dataTransfer.files[0]);
  }
  return (
    <div
      className={styles.drop}
      data-over={over || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Icon name="store" size={28} />
      <strong>{name ? `${name}, ${formatBytes(size ?? 0)}` : "Drop a CSV file here"}</strong>
      <p>A row that is wrong is reported with its line and its reason; all others are imported.</p>
      <input
        ref={input}
        type="file"
        accept=".csv,text/csv"
        className={styles.input}
        aria-label="CSV file"
        onChange={(event) => {
          onFile(event.target.files?.[0]);
          event.target.value = ""; // the same file may be chosen again once it is mended
        }}
      />
      <div className={styles.actions}>
        <Button kind={name ? "secondary" : "primary"} icon="plus" onClick={() => input.current?.click()}>
          {name ? "Choose another file" : "Choose a file"}
        </Button>
        <Button kind="quiet" icon="download" onClick={() => download("devices.csv", example, "text/csv")}>
          Example
        </Button>
      </div>
    </div>
  );
}

function Preview({ found, busy, onBegin }: { found: ImportResponse; busy: boolean; onBegin: () => void }) {
  const good = found.rows - found.badRows;
  return (
    <Panel title="What will happen" note={`${formatCount(found.rows)} rows were read; nothing has been changed yet.`}>
      <div className={styles.stack}>
        <div className={styles.columns} aria-label="Columns">
          {found.columns.map((column) => (
            <Badge key={column}>{column}</Badge>
          ))}
        </div>
        {found.badRows > 0 && (
          <>
            <Notice tone="brass" icon="warning">
              {formatCount(found.badRows)} {found.badRows === 1 ? "row is" : "rows are"} wrong and will be left out{found.badRows > found.errors.length ? `; the first ${found.errors.length} are shown` : ""}. Mend the file, or go on without them.
            </Notice>
            <ErrorTable errors={found.errors} head="Line" />
          </>
        )}
        <div className={styles.actions}>
          <Button kind="primary" icon="check" busy={busy} onClick={onBegin} disabledReason={good === 0 ? "No row of the file can be imported." : undefined}>
            Import {formatCount(good)} {good === 1 ? "device" : "devices"}
          </Button>
          <span className={styles.facts}>It goes on by itself: you may leave this page.</span>
        </div>
      </div>
    </Panel>
  );
}
