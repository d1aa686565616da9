/** The box beside the crosshair: when, how much, and the extremes around it. */
import type uPlot from "uplot";
import { formatValue } from "../format/number";
import { formatDateTime } from "../format/time";
import styles from "./Chart.module.css";

export function tooltip(unit: string): uPlot.Plugin {
  const box = document.createElement("div");
  box.className = styles.tooltip ?? "";
  box.hidden = true;
  const time = box.appendChild(document.createElement("span"));
  const value = box.appendChild(document.createElement("strong"));
  const extremes = box.appendChild(document.createElement("span"));
  return {
    hooks: {
      init: (plot) => {
        plot.over.appendChild(box);
      },
      setCursor: (plot) => {
        const { idx, left = -1 } = plot.cursor;
        const at = idx === null || idx === undefined ? undefined : plot.data[0][idx];
        const mid = idx === null || idx === undefined ? undefined : plot.data[1]?.[idx];
        box.hidden = left < 0 || at === undefined || mid === null || mid === undefined;
        if (box.hidden || at === undefined || idx === null || idx === undefined) return;
        const low = plot.data[2]?.[idx];
        const high = plot.data[3]?.[idx];
        time.textContent = formatDateTime(at);
        value.textContent = unit ? `${formatValue(mid)} ${unit}` : formatValue(mid);
        extremes.textContent = typeof low === "number" ? `${formatValue(low)} to ${formatValue(high)}` : "";
        const flip = left > plot.over.clientWidth - 150;
        box.style.transform = `translateX(${flip ? "calc(-100% - 12px)" : "12px"})`;
        box.style.left = `${left}px`;
      },
    },
  };
}
