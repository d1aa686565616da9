/** The frame of the pages before somebody works for an organisation: the story on one side, the form on the other. */
import { Outlet } from "react-router";
import { LogoMark } from "../ui/Logo";
import { ThemeToggle } from "../ui/ThemeToggle";
import styles from "./AuthLayout.module.css";

export function AuthLayout() {
  return (
    <div className={styles.split}>
      <aside className={styles.story}>
        <div className={styles.brand}>
          <LogoMark size={34} /> Millwright
        </div>
        <div>
          <h2>Hear it before it breaks.</h2>
          <p>Every machine on your floor, live. Every message durable before it is acknowledged, stored exactly once, and billed as stored.</p>
        </div>
        <Trace />
        <div className={styles.facts}>
          <span>A certificate for each device</span>
          <span>MQTT and HTTPS</span>
          <span>Your own ClickHouse database</span>
        </div>
      </aside>
      <main className={styles.main} id="main">
        <ThemeToggle className={styles.theme} />
        <div className={styles.card}>
          <div className={`${styles.brand} ${styles.small}`}>
            <LogoMark size={30} /> Millwright
          </div>
          <Outlet />
        </div>
      </main>
    </div>
  );
}

/** A bearing's vibration that grows until it crosses its limit: the product in one line. */
function Trace() {
  const { line, crossing } = trace;
  return (
    <svg className={styles.trace} viewBox="0 0 600 140" fill="none" aria-hidden="true">
      <path d="M0 22H600M0 118H600" stroke="#33454a" strokeDasharray="3 6" />
      <path d={line} stroke="#5fd0ba" strokeWidth="1.75" strokeLinejoin="round" />
      <path d={`M${crossing} 22V140`} stroke="#d9a441" strokeDasharray="2 4" />
      <circle cx={crossing} cy="22" r="5" fill="#d9a441" />
    </svg>
  );
}

const trace = drawTrace();

function drawTrace() {
  const points: string[] = [];
  let crossing = 0;
  for (let x = 0; x <= 600; x += 1.5) {
    const wear = Math.max(0, (x - 220) / 380);
    const y = 70 + (7 + 66 * wear ** 2.4) * Math.sin(x / 4.6) * (0.75 + 0.25 * Math.sin(x / 23));
    if (crossing === 0 && y < 22) crossing = x;
    points.push(`${x} ${y.toFixed(1)}`);
  }
  return { line: `M${points.join("L")}`, crossing };
}
