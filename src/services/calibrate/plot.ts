/** Plots as SVG text. Every name that comes from outside is escaped. */
export interface Series {
  readonly name: string
  /** x and y in the units of the axes. */
  readonly points: readonly (readonly [number, number])[]
}

export interface Plot {
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Dashed lines across, with their names. */
  readonly lines?: readonly {readonly name: string; readonly y: number}[]
}

export interface Axis {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly ticks: readonly number[]
}

const [width, height] = [760, 440]
const margin = {left: 60, right: 170, top: 40, bottom: 50}
/** Told apart by people who do not see red and green (Okabe and Ito), then the same again dashed. */
const colours = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#56B4E9', '#D55E00', '#000000']

export function svgOf({title, x, y, series, lines = []}: Plot): string {
  const across = (value: number) =>
    round(margin.left + ((value - x.from) / (x.to - x.from)) * (width - margin.left - margin.right))
  const up = (value: number) =>
    round(height - margin.bottom - ((value - y.from) / (y.to - y.from)) * (height - margin.top - margin.bottom))
  const text = (at: {x: number; y: number}, words: string, more = '') =>
    `<text x="${at.x}" y="${at.y}" ${more}>${escaped(words)}</text>`
  const right = width - margin.right
  const bottom = height - margin.bottom
  const grid = [
    ...x.ticks.map((tick) => text({x: across(tick), y: bottom + 18}, String(tick), 'text-anchor="middle"')),
    ...y.ticks.flatMap((tick) => [
      `<line x1="${margin.left}" y1="${up(tick)}" x2="${right}" y2="${up(tick)}" stroke="#ddd"/>`,
      text({x: margin.left - 8, y: up(tick) + 4}, String(tick), 'text-anchor="end"'),
    ]),
    ...lines.flatMap((line) => [
      `<line x1="${margin.left}" y1="${up(line.y)}" x2="${right}" y2="${up(line.y)}" stroke="#666" stroke-dasharray="2 4"/>`,
      text({x: right - 4, y: up(line.y) - 4}, line.name, 'text-anchor="end" fill="#666"'),
    ]),
  ]
  const curves = series.flatMap(({name, points}, index) => {
    const colour = colours[index % colours.length] ?? '#000'
    const dash = index < colours.length ? '' : ' stroke-dasharray="6 4"'
    const way = points.map(([px, py]) => `${across(px)},${up(py)}`).join(' ')
    const legend = margin.top + 8 + index * 20
    return [
      `<polyline points="${way}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`,
      `<line x1="${right + 14}" y1="${legend}" x2="${right + 38}" y2="${legend}" stroke="${colour}" stroke-width="2"${dash}/>`,
      text({x: right + 44, y: legend + 4}, name),
    ]
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text({x: margin.left, y: 22}, title, 'font-size="15" font-weight="bold"'),
    ...grid,
    `<path d="M${margin.left} ${margin.top}V${bottom}H${right}" fill="none" stroke="#333"/>`,
    ...curves,
    text({x: (margin.left + right) / 2, y: height - 12}, x.name, 'text-anchor="middle"'),
    text(
      {x: 16, y: (margin.top + bottom) / 2},
      y.name,
      `text-anchor="middle" transform="rotate(-90 16 ${(margin.top + bottom) / 2})"`,
    ),
    '</svg>',
    '',
  ].join('\n')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

const entities: Readonly<Record<string, string>> = {'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;'}

function escaped(words: string): string {
  return words.replace(/[&<>"']/g, (letter) => entities[letter] ?? '').replace(/[^\x20-\x7e\u00a0-\uffff]/g, '')
}
