"""How a page looks: markup, style, the viewer of structures, and the page itself; it knows no statistic."""
