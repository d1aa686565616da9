// Prints the favicon: the cog of src/ui/Logo.tsx with its colours fixed. Run: node tools/logo.mjs > public/favicon.svg
const teeth = 8;
const outer = 15.2;
const inner = 12;
const points = [];
for (let i = 0; i < teeth; i++) {
  const step = (Math.PI * 2) / teeth;
  const at = i * step - Math.PI / 2;
  for (const [offset, radius] of [[-0.34, inner], [-0.2, outer], [0.2, outer], [0.34, inner]]) {
    const angle = at + offset * step;
    points.push(`${(16 + radius * Math.cos(angle)).toFixed(2)} ${(16 + radius * Math.sin(angle)).toFixed(2)}`);
  }
}
const cog = `M${points.join("L")}Z`;
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <path d="${cog}" fill="#d9a441" stroke="#d9a441" stroke-width="1.2" stroke-linejoin="round"/>
  <circle cx="16" cy="16" r="9.4" fill="#12191b"/>
  <path d="M10 20.4v-8l6 5.8 6-5.8v8" fill="none" stroke="#5fd0ba" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round"/>
</svg>
`);
