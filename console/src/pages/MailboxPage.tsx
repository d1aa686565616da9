/** The development mailbox: every e-mail that this installation sent. It is there only while no mail server is named. */
import { useQuery } from "@tanstack/react-query";
import { explain } from "../api/errors";
import { formatTime } from "../format/time";
import { useTitle } from "../hooks/useTitle";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { Empty, ErrorPanel, SkeletonRows } from "../ui/States";
import styles from "./MailboxPage.module.css";

interface Mail {
  id: string;
  to: string;
  subject: string;
  text: string;
  received_at: string;
}

async function read(): Promise<Mail[]> {
  const answer = await fetch("/mailbox/messages", { headers: { Accept: "application/json" } });
  if (!answer.ok || !answer.headers.get("Content-Type")?.includes("json")) throw new Error("This installation sends its e-mails to a mail server, and shows none here.");
  return ((await answer.json()) as { messages: Mail[] }).messages;
}

export default function MailboxPage() {
  useTitle("Development mailbox");
  const { data, error, refetch } = useQuery({ queryKey: ["mailbox"], queryFn: read, refetchInterval: 2_000, retry: false });
  return (
    <main className={styles.main} id="main">
      <Page title="Development mailbox" note="Every e-mail that this installation sent. Nothing left this machine.">
        {error && <ErrorPanel {...explain(error)} onRetry={refetch} />}
        {!data && !error && <SkeletonRows rows={4} />}
        {data?.length === 0 && (
          <Panel>
            <Empty icon="list" title="No e-mails yet">
              Sign up or invite somebody, and the e-mail appears here.
            </Empty>
          </Panel>
        )}
        {data?.map((mail) => (
          <Panel key={mail.id} title={mail.subject} note={`To ${mail.to}, ${formatTime(Date.parse(mail.received_at))}`}>
            <div className={styles.text}>{linked(mail.text)}</div>
          </Panel>
        ))}
      </Page>
    </main>
  );
}

/** The text with its links to this installation as links. */
function linked(text: string) {
  return text.split(/(https?:\/\/\S+)/).map((part, i) =>
    part.startsWith(globalThis.location.origin + "/") ? (
      <a key={i} href={part}>
        {part}
      </a>
    ) : (
      part
    ),
  );
}
