// Tables and formulas that are wider than a phone scroll by themselves: the keyboard has to reach them too.
document$.subscribe(() => {
  for (const region of document.querySelectorAll('.md-typeset__scrollwrap, math[display="block"]')) {
    region.tabIndex = 0
  }
})
