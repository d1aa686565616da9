/** Millwright's mark: a brass cog around a signal that draws an M. */
const cog =
  "M12.83 4.43L13.62 0.99L18.38 0.99L19.17 4.43L21.95 5.58L24.93 3.70L28.30 7.07L26.42 10.05L27.57 12.83L31.01 13.62L31.01 18.38L27.57 19.17L26.42 21.95L28.30 24.93L24.93 28.30L21.95 26.42L19.17 27.57L18.38 31.01L13.62 31.01L12.83 27.57L10.05 26.42L7.07 28.30L3.70 24.93L5.58 21.95L4.43 19.17L0.99 18.38L0.99 13.62L4.43 12.83L5.58 10.05L3.70 7.07L7.07 3.70L10.05 5.58Z";

export function LogoMark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d={cog} fill="#d9a441" stroke="#d9a441" strokeWidth="1.2" strokeLinejoin="round" />
      <circle cx="16" cy="16" r="9.4" fill="#12191b" />
      <path d="M10 20.4v-8l6 5.8 6-5.8v8" fill="none" stroke="#5fd0ba" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

/** The mark alone in motion: something is being made ready. */
export function Cog({ size = 32 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path d={cog} fill="currentColor" />
      <circle cx="16" cy="16" r="6" fill="var(--surface)" />
    </svg>
  );
}
