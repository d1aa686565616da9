/** This month: what it costs so far and by the end, against the budget, line by line, day by day and by facility. */
import { explain } from "../api/errors";
import { useDraft } from "../api/invoice";
import { useTitle } from "../hooks/useTitle";
import { Panel } from "../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../ui/States";
import { BillLines } from "./bill/BillLines";
import { ByDay } from "./bill/ByDay";
import { ByFacility } from "./bill/ByFacility";
import { CollectionPanel } from "./bill/CollectionPanel";
import { Counted } from "./bill/Counted";
import { CreditsPanel } from "./bill/CreditsPanel";
import { Totals } from "./bill/Totals";
import { monthName } from "./bill/span";
import { millis } from "../format/time";

export default function BillPage() {
  useTitle("Billing");
  const { data, error, refetch } = useDraft();
  if (error) return <ErrorPanel {...explain(error)} onRetry={refetch} />;
  if (!data?.bill || !data.forecast) {
    return (
      <Panel>
        <SkeletonRows rows={6} />
      </Panel>
    );
  }
  const { bill, forecast } = data;
  return (
    <>
      <Totals bill={bill} forecast={forecast} />
      <Panel title={monthName(millis(bill.start) ?? 0)} note={`The bill so far, at the prices of the book ${data.priceBook}.`} actions={<Counted start={millis(bill.start)} end={millis(bill.end)} />} flush>
        <BillLines bill={bill} />
      </Panel>
      <ByDay bill={bill} />
      <ByFacility bill={bill} />
      <CreditsPanel />
      <CollectionPanel />
    </>
  );
}
