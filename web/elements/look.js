// @ts-check
/** The elements' common look. Each colour may be set from outside; without that it follows the page's light or dark scheme. */

/** @param {string} css */
export function sheet(css) {
  const made = new CSSStyleSheet();
  made.replaceSync(css);
  return made;
}

export const LOOK = sheet(`
:host {
  --_paper: var(--paper, light-dark(#f5f6f8, #0e1116));
  --_surface: var(--surface, light-dark(#fff, #161b22));
  --_ink: var(--ink, light-dark(#14181f, #e9edf3));
  --_soft: var(--ink-soft, light-dark(#4c5665, #a3aebd));
  --_rule: var(--rule, light-dark(#d8dde5, #2c3440));
  --_strong: var(--rule-strong, light-dark(#7d8795, #6b7686));
  --_accent: var(--accent, light-dark(#1d4ed8, #8db4ff));
  --_live: var(--live, light-dark(#0a6352, #66d4bb));
  --_live-fill: var(--live-fill, light-dark(#15806a, #2fa78d));
  --_live-tint: var(--live-tint, light-dark(#e6f4f0, #102b27));
  --_suspect: var(--suspect, light-dark(#943600, #ffa866));
  --_suspect-fill: var(--suspect-fill, light-dark(#c8540c, #e3762c));
  --_suspect-tint: var(--suspect-tint, light-dark(#fdefe4, #34200f));
  --_inconclusive: var(--inconclusive, light-dark(#474e68, #b7bfd9));
  --_inconclusive-fill: var(--inconclusive-fill, light-dark(#727b9a, #838db0));
  --_inconclusive-tint: var(--inconclusive-tint, light-dark(#eceef5, #1f2433));
  display: block;
  color: var(--_ink);
  font: 1rem/1.5 var(--sans, system-ui, sans-serif);
  font-variant-numeric: tabular-nums;
}
:host([hidden]), [hidden] { display: none !important; }
*, *::before, *::after { box-sizing: border-box; }
h2, h3, p, ul, ol, dl, dd { margin: 0; padding: 0; }
ul, ol { list-style: none; }
svg { flex: none; }
.icon { width: 1em; height: 1em; }
.knockout { fill: none; stroke: var(--_tint, var(--_surface)); stroke-width: 4.5; stroke-linecap: round; stroke-linejoin: round; }
.soft { color: var(--_soft); }
.small { font-size: 0.8125rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 3px solid var(--_accent); outline-offset: 2px; border-radius: 4px; }
button { font: inherit; font-weight: 600; color: inherit; background: var(--_surface); border: 1px solid var(--_strong); border-radius: 8px; padding: 0.5rem 1rem; min-height: 2.75rem; cursor: pointer; }
button:hover { border-color: var(--_ink); }
button.main { background: var(--_accent); border-color: var(--_accent); color: light-dark(#fff, #0e1116); }
button.main:hover { filter: brightness(0.92); }
button[aria-disabled="true"] { opacity: 0.65; cursor: progress; }
summary { cursor: pointer; font-weight: 600; font-size: 0.875rem; padding-block: 0.5rem; min-height: 1.5rem; }
@media (prefers-reduced-motion: reduce) { *, *::before, *::after { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { button.main { forced-color-adjust: none; background: Highlight; color: HighlightText; border-color: HighlightText; } }
`);
