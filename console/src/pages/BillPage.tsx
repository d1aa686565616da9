/** Bill: what the current month costs so far, line by line, and what it will come to. */
import { Link } from "react-router";
import { explain } from "../api/errors";
import { useDraft } from "../api/invoice";
import { formatMoney } from "../format/money";
import { millis } from "../format/time";
import { useTitle } from "../hooks/useTitle";
import { paths } from "../paths";
import { Page } from "../ui/Page";
import { Panel } from "../ui/Panel";
import { ErrorPanel, SkeletonRows } from "../ui/States";
import { BillLines } from "./bill/BillLines";
import { Gate } from "./settings/Gate";
import styles from "./bill/Bill.module.css";

const monthName = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric", timeZone: "UTC" });
const dayName = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", timeZone: "UTC" });

export default function BillPage() {
  useTitle("Bill");
  return (
    <Page title="Bill" note="The month so far, from the same counts that the usage page shows. Months are UTC months.">
      <Gate action="invoices.read">
        <Draft />
      </Gate>
    </Page>
  );
}

function Draft() {
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
  const money = (minor: bigint) => formatMoney(minor, bill.currency, bill.currencyDigits);
  const end = millis(bill.end) ?? 0;
  return (
    <>
      <Panel>
        <dl className={styles.totals}>
          <div>
            <dt>So far</dt>
            <dd>
              {money(bill.totalMinor)} <small>with the plan's fee for the whole month</small>
            </dd>
          </div>
          <div>
            <dt>At this pace</dt>
            <dd>
              {money(forecast.totalMinor)} <small>by {dayName.format(end - 1)}, if usage goes on as until now</small>
            </dd>
          </div>
        </dl>
      </Panel>
      <Panel
        title={monthName.format(millis(bill.start) ?? 0)}
        note={
          <>
            Prices of the book {data.priceBook}. {!data.collected && "Nothing is collected for it. "}
            <Link to={paths.usage()}>See the usage by hour</Link>
          </>
        }
        flush
      >
        <BillLines bill={bill} />
      </Panel>
    </>
  );
}
