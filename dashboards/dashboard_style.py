"""Style sheet that is added to the pages of the Optuna dashboard, for our figures and notes.

The Optuna dashboard gives figures of other programs no padding and a white background in its dark theme, and
keeps two columns and the full length of code lines however narrow the window is.
"""

from typing import Final

STYLE: Final = """
[class*='grid-xs-6']:not([class*='MuiGrid-item']) { padding: 16px 0 0 16px; box-sizing: border-box; }
[id^='user-defined-plot'] .main-svg { background: transparent !important; }
[id^='user-defined-plot'] :is(.bglayer, .legend) .bg { fill: transparent !important; }
[id^='user-defined-plot'] text { fill: currentColor !important; }
[id^='user-defined-plot'] :is(.xgrid, .ygrid, .zl) {
  stroke: currentColor !important; stroke-opacity: .15 !important; }
main, main div { min-width: 0; }
main table:not([class*='MuiTable']) { display: block; max-width: 100%; overflow-x: auto; }
main table:not([class*='MuiTable']) :is(td, th) { padding: 2px 12px 2px 0; text-align: left; }
main pre { white-space: pre-wrap; overflow-wrap: anywhere; }
main img { max-width: 100%; height: auto; }
@media (max-width: 900px) {
  :is([class*='grid-xs-3'], [class*='grid-xs-6'], [class*='grid-xs-9']) {
    flex-basis: 100% !important; width: 100% !important; max-width: 100% !important; }
  .MuiBox-root:has(> [class*='MuiDivider-vertical']) { flex-direction: column; }
  .MuiBox-root:has(> [class*='MuiDivider-vertical']) > .MuiBox-root { width: 100%; height: auto; }
  .MuiBox-root:has(> [class*='MuiDivider-vertical']) > .MuiBox-root:first-child {
    max-height: 12rem; overflow-y: auto; }
}
"""
