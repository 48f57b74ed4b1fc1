"""How the page looks: light and dark, on a desk, on a phone and on paper."""

# Colours are of a contrast of 4.5 or more for text, 3 or more for lines, on their grounds.
STYLE = """
:root{color-scheme:light dark;--ground:#fff;--raised:#f6f7f9;--ink:#1b1f24;--soft:#545d68;
--rule:#d5dae0;--s1:#0b62b8;--s2:#b3470b;--s3:#0a7a5c;--s0:#6b7480;--look:#9a3b00;
--look-ground:#fff3e8;
--fine:#0a6b4f}
@media(prefers-color-scheme:dark){:root{--ground:#14171b;--raised:#1d2228;--ink:#e8ebef;
--soft:#a3adb9;
--rule:#38414b;--s1:#6cb2f7;--s2:#f2a36b;--s3:#4fd0a8;--s0:#97a1ad;--look:#ffb27a;
--look-ground:#33231a;
--fine:#5fd6ad}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;overflow-wrap:anywhere;background:var(--ground);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main,header,footer{max-width:64rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:2.5rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem}
h2{font-size:1.35rem;margin:3rem 0 .75rem;padding-top:.75rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.75rem 0 .5rem}
p{margin:.5rem 0;max-width:46rem}
.soft{color:var(--soft)}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;list-style:none;padding:0;margin:1rem 0 0;
font-size:.95rem}
nav li{min-width:0}
a{color:var(--s1);text-underline-offset:.2em}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.75rem;
margin:1.25rem 0}
.card{background:var(--raised);border-radius:.5rem;padding:.75rem .9rem}
.card b{display:block;font-size:1.55rem;line-height:1.25;font-variant-numeric:tabular-nums}
.card span{display:block;font-size:.85rem;color:var(--soft)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));
gap:1rem 1.5rem}
figure{margin:0;min-width:0}
figcaption{font-size:.9rem;color:var(--soft);margin:.15rem 0 .6rem}
figure h3{margin:.5rem 0 .25rem}
svg{display:block}
svg.chart{width:100%;height:auto;max-width:30rem}
svg.inline{display:inline-block;vertical-align:middle}
svg text{font-size:12px;fill:var(--soft);font-family:inherit}
.grid{stroke:var(--rule);stroke-width:1}.axis{stroke:var(--s0);stroke-width:1}
.bar,.cell{fill:var(--s1)}.outline{fill:none;stroke:var(--s2);stroke-width:1.5}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
.s0{stroke:var(--s0);stroke-dasharray:4 4;stroke-width:1.25}
.s1{stroke:var(--s1)}.s2{stroke:var(--s2);stroke-dasharray:7 3}.s3{stroke:var(--s3);
stroke-dasharray:2 3}
.dot{stroke-dasharray:none;stroke:var(--ground);stroke-width:1}
.dot.s1{fill:var(--s1)}.dot.s2{fill:var(--s2)}.dot.s3{fill:var(--s3)}
.unused{stroke:var(--s0);stroke-width:1;opacity:.45}.used{stroke:var(--s1);stroke-width:1.5;
opacity:.8}
.key{display:inline-block;width:1.5rem;height:0;border-top:3px solid;vertical-align:middle;
margin-right:.35rem}
.k1{border-color:var(--s1)}.k2{border-color:var(--s2);border-top-style:dashed}
.k3{border-color:var(--s3);border-top-style:dotted}.k0{border-color:var(--s0);
border-top-style:dashed}
.keys{font-size:.9rem;color:var(--soft);display:flex;flex-wrap:wrap;gap:.1rem 1.2rem;
margin:.4rem 0}
.wide{overflow-x:auto;margin:.75rem 0}
.wide:focus-visible,a:focus-visible,summary:focus-visible{outline:2px solid var(--s1);
outline-offset:2px}
table{border-collapse:collapse;font-size:.92rem;overflow-wrap:normal}
caption{text-align:left;color:var(--soft);font-size:.9rem;padding-bottom:.35rem}
th,td{padding:.35rem .9rem .35rem 0;text-align:left;vertical-align:top;
border-bottom:1px solid var(--rule)}
thead th{border-bottom:2px solid var(--rule);font-weight:600;vertical-align:bottom}
tbody th{font-weight:600;overflow-wrap:break-word;max-width:16rem}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.between{display:block;color:var(--soft);font-size:.85em}
table.matrix td,table.matrix th{border:1px solid var(--rule);padding:.4rem .6rem;max-width:9rem;
min-width:3rem}
table.matrix .between{color:inherit}
dl{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.35rem 1rem;margin:.75rem 0}
dt{color:var(--soft);min-width:0}dd{margin:0;min-width:0}
pre{background:var(--raised);border-radius:.5rem;padding:.75rem .9rem;overflow-x:auto;
font-size:.88rem;
white-space:pre-wrap}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.findings{list-style:none;padding:0;margin:.75rem 0;display:grid;gap:.75rem}
.findings li{background:var(--look-ground);border-left:4px solid var(--look);border-radius:.25rem;
padding:.65rem .9rem}
.findings h3{margin:0;color:var(--look)}.findings p{margin:.25rem 0 0}
.fine{color:var(--fine);font-weight:600}
summary{cursor:pointer;padding:.4rem 0}
footer{color:var(--soft);font-size:.9rem;padding-top:2rem;padding-bottom:3rem}
@media(max-width:36rem){body{font-size:15px}header{padding-top:1.5rem}h1{font-size:1.5rem}
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
@media print{:root{--ground:#fff;--raised:#f6f7f9;--ink:#000;--soft:#444;--rule:#bbb;--s1:#0b62b8;
--s2:#b3470b;--s3:#0a7a5c;--s0:#6b7480;--look:#9a3b00;--look-ground:#fff;--fine:#0a6b4f}
nav{display:none}body{font-size:10.5pt}main,header,footer{max-width:none;padding:0}
figure,.card,.findings li,tr{break-inside:avoid}h2,h3{break-after:avoid}.wide{overflow:visible}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""
