/** Says on every page that a limit is near or reached today, until it is put away for this visit. */
import { useState } from "react";
import { Link } from "react-router";
import { useNotices } from "../api/limit";
import { formatCount } from "../format/number";
import { day, millis } from "../format/time";
import { useNow } from "../hooks/useNow";
import { useSession } from "../hooks/useSession";
import { paths } from "../paths";
import { Button } from "../ui/Button";
import { Notice } from "../ui/States";
import styles from "./AppLayout.module.css";

export function LimitBanner() {
  const { actions, tenant } = useSession();
  const { data } = useNotices(actions.has("usage.read"));
  const today = Math.floor(useNow(60_000) / day);
  const [hidden, setHidden] = useState<string[]>(() => JSON.parse(sessionStorage.getItem("limit-notices") ?? "[]") as string[]);
  const notices = (data?.notices ?? []).filter((n) => Math.floor((millis(n.createdAt) ?? 0) / day) === today);
  const worst = notices.find((n) => n.percent >= 100) ?? notices[0];
  const key = worst && `${tenant.tenantId} ${worst.limit} ${worst.percent} ${today}`;
  if (!worst || !key || hidden.includes(key)) return null;
  const putAway = () => {
    const next = [...hidden, key].slice(-50);
    sessionStorage.setItem("limit-notices", JSON.stringify(next));
    setHidden(next);
  };
  return (
    <div className={styles.banner}>
      <Notice tone={worst.percent >= 100 ? "rust" : "brass"} icon="warning">
        {worst.percent >= 100 ? "A limit was reached today" : "A limit is near"}: <code>{worst.limit}</code>, {formatCount(worst.used)} of {formatCount(worst.maximum)}.{" "}
        <Link to={paths.settingsLimits(worst.limit)}>See limits</Link>{" "}
        <Button kind="quiet" size="small" onClick={putAway}>
          Put away
        </Button>
      </Notice>
    </div>
  );
}
