// The look that all charts share, over the figure that each brings. Colours are read from the style sheet.
function colours() {
  const style = getComputedStyle(root);
  return name => style.getPropertyValue('--' + name).trim();
}

function withColours(value, colour) {
  if (typeof value === 'string') return value.replace(/var\(--([a-z0-9-]+)\)/g, (_, name) => colour(name));
  if (Array.isArray(value)) return value.map(one => withColours(one, colour));
  if (value && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withColours(one, colour)]));
  }
  return value;
}

function merged(base, over) {
  const out = { ...base };
  for (const [key, value] of Object.entries(over || {})) {
    const deep = value && typeof value === 'object' && !Array.isArray(value) && out[key] && typeof out[key] === 'object';
    out[key] = deep ? merged(out[key], value) : value;
  }
  return out;
}

function axisLook(colour, isValue) {
  return {
    automargin: true, showgrid: isValue, gridcolor: colour('grid'), gridwidth: 1, zeroline: isValue,
    zerolinecolor: colour('rule'), showline: !isValue, linecolor: colour('muted'), linewidth: 1,
    ticks: isValue ? '' : 'outside', ticklen: 4, ticklabelstandoff: isValue ? 4 : 0, tickcolor: colour('rule'), tickfont: { size: 12 },
    spikethickness: 1, spikedash: 'solid', spikecolor: colour('muted'), ...(isValue && { hoverformat: '.4~g', showspikes: false }),
    title: { font: { size: 12.5 }, standoff: 10 }, fixedrange: matchMedia('(pointer: coarse)').matches,
  };
}

function layoutLook(figure, colour) {
  const lying = figure.data.some(trace => trace.orientation === 'h');
  const heat = figure.data.some(trace => trace.type === 'heatmap');
  const base = {
    font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: colour('muted') },
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false,
    margin: { l: 8, r: 14, t: 12, b: 8 }, bargap: 0.32, bargroupgap: 0.06,
    hoverlabel: {
      bgcolor: colour('paper'), bordercolor: colour('rule'), font: { color: colour('ink'), size: 12.5 }, align: 'left', namelength: -1,
    },
    hovermode: 'closest', dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom',
    xaxis: axisLook(colour, lying && !heat), yaxis: axisLook(colour, !lying && !heat),
  };
  const layout = merged(base, figure.layout);
  for (const axis of ['xaxis', 'yaxis']) if (layout[axis].type === 'category') layout[axis].fixedrange = true;
  layout.yaxis.title = { text: '' }; // it stands above the chart, level
  if (heat) layout.hovermode = 'closest';
  if (layout.hovermode.includes('unified')) layout.hoverdistance = -1; // the nearest, however far
  return layout;
}

// Plotly draws a whisker of no length for a null, and none for a NaN, which JSON has not.
function whiskersLook(trace) {
  const axes = ['error_x', 'error_y'].filter(axis => trace[axis]);
  const known = values => values.map(value => value ?? NaN);
  return { ...trace, ...Object.fromEntries(axes.map(axis => {
    const { array, arrayminus, ...rest } = trace[axis];
    return [axis, { ...rest, ...(array && { array: known(array) }), ...(arrayminus && { arrayminus: known(arrayminus) }) }];
  })) };
}

function traceLook(trace, colour, width, columns) {
  if (trace.type !== 'heatmap') return whiskersLook(trace);
  const bar = {
    thickness: 10, outlinewidth: 0, tickfont: { size: 12, color: colour('muted') }, orientation: 'h', y: 1, yanchor: 'bottom',
    ypad: 8, x: 0, xanchor: 'left', xpad: 0, len: Math.min(1, 320 / width), lenmode: 'fraction', ticks: '',
  };
  const look = merged({ colorbar: bar, showscale: false }, trace);
  if (width / (columns + 2) >= 34) return look; // numbers in the cells need no scale
  delete look.texttemplate;
  return { ...look, showscale: true };
}

// Bars that stand need room for the names below them: names are broken at spaces, or the bars lie down.
function withRoom(figure, wholeWidth) {
  const width = wholeWidth - 40; // without the numbers beside the axis
  const bars = figure.data.filter(trace => trace.type === 'bar');
  const { xaxis, yaxis } = figure.layout;
  if (!bars.length || bars.length < figure.data.length || !xaxis || xaxis.type !== 'category') return figure;
  const names = [...new Set(bars.flatMap(trace => trace.x))];
  const longest = Math.max(...names.flatMap(name => String(name).split(' ')).map(word => word.length));
  if (width / names.length >= longest * 6.3 + 4) {
    const broken = name => name.length * 6.5 > width / names.length ? name.replace(/ /g, '<br>') : name;
    const ticktext = names.map(name => broken(String(name)));
    return { ...figure, layout: { ...figure.layout, xaxis: { ...xaxis, tickvals: names, ticktext, tickangle: 0 } } };
  }
  const data = bars.map(({ x, y, error_y, hovertemplate, ...rest }) => ({
    ...rest, x: y, y: x, orientation: 'h', ...(error_y && { error_x: error_y }),
    ...(hovertemplate && { hovertemplate: hovertemplate.replace('%{y', '%{x') }),
  }));
  const rows = names.length * (10 + (figure.layout.barmode === 'stack' ? 16 : 11 * bars.length));
  const layout = { ...figure.layout, xaxis: yaxis || {}, yaxis: { ...xaxis, autorange: 'reversed' }, hovermode: 'y unified' };
  return { data, layout, height: Math.max(200, 110 + rows), turned: true };
}

function dressed(figure, width) {
  const colour = colours();
  const own = withColours(withRoom(figure, width), colour);
  const data = own.data.map(trace => traceLook(trace, colour, width, (trace.x || []).length));
  return { data, layout: layoutLook(own, colour), height: own.height };
}
