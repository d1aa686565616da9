/** The icon set: 20 by 20, drawn with one line of 1.6. */
const drawings = {
  fleet: "M3 4.5h5.5v5.5H3zM11.5 4.5H17v5.5h-5.5zM3 13h5.5v3.5H3zM11.5 13H17v3.5h-5.5z",
  plus: "M10 4v12M4 10h12",
  bill: "M5 2.8h10v14.4l-2.5-1.6-2.5 1.6-2.5-1.6L5 17.2zM8 7h4M8 10.5h4",
  usage: "M3.5 16.5h13M5.5 13.5v-3M10 13.5v-9M14.5 13.5v-6",
  settings: "M4 6h7M15 6h1M4 14h1M9 14h7M13 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4z",
  sun: "M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1",
  moon: "M16.5 11.8A6.8 6.8 0 0 1 8.2 3.5a6.8 6.8 0 1 0 8.3 8.3z",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l3.8 3.8",
  chevron: "M6 8l4 4 4-4",
  back: "M12 5l-5 5 5 5",
  forward: "M8 5l5 5-5 5",
  check: "M4.5 10.5l3.8 3.8 7.2-8",
  close: "M5.5 5.5l9 9M14.5 5.5l-9 9",
  copy: "M7.5 7.5h8v8h-8zM12.5 7.5v-3h-8v8h3",
  download: "M10 3.5v9M6.5 9.5L10 13l3.5-3.5M4 16.5h12",
  warning: "M10 3.5l7 12.5H3zM10 8.5v3.5M10 14v.2",
  info: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 9.2V13M10 6.8V7",
  certificate: "M10 3l5.5 2v4.6c0 3.3-2.2 5.8-5.5 7.4-3.3-1.6-5.5-4.1-5.5-7.4V5zM7.6 9.8l1.7 1.8 3.2-3.5",
  key: "M8 12a3.5 3.5 0 1 1 2.9-1.5L16.5 16M14 13.5l1.5-1.5M7.5 8.5v.1",
  people: "M7.5 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM2.5 16.5c0-2.8 2.2-4.5 5-4.5s5 1.7 5 4.5M13 4.3a3 3 0 0 1 0 5.4M14.8 12.5c1.7.6 2.7 2 2.7 4",
  list: "M7 5.5h9.5M7 10h9.5M7 14.5h9.5M3.5 5.5h.1M3.5 10h.1M3.5 14.5h.1",
  store: "M4 6c0-1.4 2.7-2.5 6-2.5s6 1.1 6 2.5-2.7 2.5-6 2.5S4 7.4 4 6zM4 6v8c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5V6M4 10c0 1.4 2.7 2.5 6 2.5s6-1.1 6-2.5",
  building: "M4 17V7l5 3V7l5 3V4h2.5v13zM2.5 17h15M7.5 13.5h.1M11.5 13.5h.1",
  out: "M8 4H4.5v12H8M12 6.5l3.5 3.5-3.5 3.5M15.5 10H8",
  pause: "M7.5 5v10M12.5 5v10",
  play: "M6.5 4.5l9 5.5-9 5.5z",
  zoomOut: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l3.8 3.8M6.7 9h4.6",
  refresh: "M16 10a6 6 0 1 1-1.8-4.3M16.2 3.2v3.3h-3.3",
  letter: "M3 5h14v10H3zM3.3 5.4l6.7 5.4 6.7-5.4",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.8 10.5h7.4L14.5 6",
} as const;

export type IconName = keyof typeof drawings;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" style={{ flexShrink: 0 }}>
      <path d={drawings[name]} />
    </svg>
  );
}
