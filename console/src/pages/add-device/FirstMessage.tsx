/** The first message is there: a moment to enjoy, then the device's page. */
import { useEffect, useState, type CSSProperties } from "react";
import { Link, useNavigate } from "react-router";
import { formatValue } from "../../format/number";
import { measurementTitle, unitOf } from "../../format/unit";
import { paths } from "../../paths";
import { buttonClass } from "../../ui/Button";
import { Icon } from "../../ui/Icon";
import { Panel } from "../../ui/Panel";
import styles from "../AddDevicePage.module.css";

const staysSeconds = 6;
const mostShown = 4;

export function FirstMessage({ deviceId, values }: { deviceId: string; values: Record<string, number> }) {
  const navigate = useNavigate();
  const [left, setLeft] = useState(staysSeconds);
  const to = paths.device({ device: deviceId });
  useEffect(() => {
    const timer = setInterval(() => setLeft((n) => n - 1), 1000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    if (left <= 0) navigate(to, { replace: true });
  }, [left, navigate, to]);
  return (
    <Panel>
      <div className={styles.party} role="status">
        {sparks.map((style, i) => (
          <span key={i} className={styles.spark} style={style} aria-hidden="true" />
        ))}
        <div className={styles.tick}>
          <Icon name="check" size={40} />
        </div>
        <h2>{deviceId} is live</h2>
        <p>Its first message is stored, and was counted once.</p>
        <dl className={styles.values}>
          {Object.keys(values)
            .sort()
            .slice(0, mostShown)
            .map((name) => (
              <div key={name}>
                <dt>{measurementTitle(name)}</dt>
                <dd>
                  {formatValue(values[name])} {unitOf(name)}
                </dd>
              </div>
            ))}
        </dl>
        <Link className={buttonClass("primary", "large")} to={to} replace>
          Open {deviceId} ({Math.max(0, left)})
        </Link>
      </div>
    </Panel>
  );
}

const colors = ["var(--brass-bright)", "var(--accent)", "var(--chart-3)", "var(--chart-4)"];

/** Thirty sparks in a ring, alike every time. */
const sparks = Array.from({ length: 30 }, (_, i) => {
  const angle = (i / 30) * Math.PI * 2;
  const reach = 120 + ((i * 53) % 90);
  return {
    background: colors[i % colors.length],
    "--x": `${Math.round(Math.cos(angle) * reach * 1.5)}px`,
    "--y": `${Math.round(Math.sin(angle) * reach)}px`,
    animationDelay: `${(i % 5) * 40}ms`,
  } as CSSProperties;
});
