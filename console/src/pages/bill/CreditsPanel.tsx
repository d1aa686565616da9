/** What this organisation paid in advance; nothing when that is nothing. */
import { explain } from "../../api/errors";
import { useOwnCredits } from "../../api/subscription";
import { Panel } from "../../ui/Panel";
import { ErrorPanel } from "../../ui/States";
import { CreditTable } from "./CreditTable";

export function CreditsPanel() {
  const { data, error, refetch } = useOwnCredits();
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data?.credits.length) return null;
  return (
    <Panel title="Prepaid credits" note="They pay bills, the first to expire first, each for months that end by its last day." flush>
      <CreditTable credits={data.credits} />
    </Panel>
  );
}
