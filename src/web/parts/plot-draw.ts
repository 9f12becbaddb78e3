import uPlot from 'uplot'
import type {PlotData} from './plot.js'

/** A plot on a canvas that follows the size of its place and the colours of the page. */
export interface Plot {
  update(data: PlotData): void
  destroy(): void
}

const bars = uPlot.paths.bars?.({size: [0.7, 26]})
const colourOf = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()

export function draw(place: HTMLElement, first: PlotData, height: number): Plot {
  let data = first
  let plot: uPlot | undefined
  const tip = document.createElement('div')
  tip.className = 'tip'
  tip.hidden = true
  const make = () => {
    plot?.destroy()
    plot = new uPlot(options(data, {width: place.clientWidth, height}, tip), columns(data), place)
    plot.over.append(tip)
  }
  const resized = new ResizeObserver(() => {
    if (plot && place.clientWidth > 0) plot.setSize({width: place.clientWidth, height})
  })
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  make()
  resized.observe(place)
  scheme.addEventListener('change', make)
  return {
    update: (next) => {
      const isSameShape = next.lines.map(({name}) => name).join('\n') === data.lines.map(({name}) => name).join('\n')
      data = next
      if (isSameShape) plot?.setData(columns(data))
      else make()
    },
    destroy: () => {
      resized.disconnect()
      scheme.removeEventListener('change', make)
      plot?.destroy()
    },
  }
}

/** A line of a single value would not be seen. */
const isLone = (lines: PlotData['lines']) =>
  lines.some(({values}) => values.filter((value) => value !== null).length === 1)

const columns = ({x, lines}: PlotData): uPlot.AlignedData => [[...x], ...lines.map(({values}) => [...values])]

function options(
  {lines, format, range, formatX = (x) => `#${x}`}: PlotData,
  size: {readonly width: number; readonly height: number},
  tip: HTMLElement,
): uPlot.Options {
  const ink = colourOf('--ink-3')
  const grid = {stroke: colourOf('--line'), width: 1}
  const font = `11px ${colourOf('--sans')}`
  const axis = {stroke: ink, font, ticks: {show: false}}
  return {
    ...size,
    padding: [8, 22, 0, 0],
    legend: {show: false},
    cursor: {y: false, points: {size: 7}, drag: {x: false, y: false}},
    scales: {
      x: {time: false},
      y: range ? {range: () => [...range]} : {range: (_, __, max) => [0, max > 0 ? 1.08 * max : 1]},
    },
    axes: [
      {
        ...axis,
        grid: {show: false},
        size: 24,
        space: 90,
        // Around a single task the axis is wider than what there is.
        values: ({data: [x]}, ticks) =>
          ticks.map((tick) =>
            Number.isInteger(tick) && tick >= (x[0] ?? 0) && tick <= (x.at(-1) ?? 0) ? formatX(tick) : '',
          ),
      },
      {...axis, grid, size: 48, space: 34, values: (_, ticks) => ticks.map(format)},
    ],
    series: [
      {},
      ...lines.map(({name, colour, style = 'line'}): uPlot.Series => {
        const stroke = colourOf(colour)
        if (style === 'bars')
          return {label: name, stroke, fill: stroke, width: 0, points: {show: false}, ...(bars && {paths: bars})}
        if (style === 'dots')
          return {label: name, stroke, width: 0, paths: () => null, points: {show: true, size: 4, fill: stroke}}
        return {label: name, stroke, width: 2, points: {show: isLone(lines)}, spanGaps: true}
      }),
    ],
    hooks: {setCursor: [(plot) => showTip(plot, tip, {lines, format, formatX})]},
  }
}

function showTip(
  {cursor, data, over}: uPlot,
  tip: HTMLElement,
  {lines, format, formatX}: {lines: PlotData['lines']; format: PlotData['format']; formatX: (x: number) => string},
): void {
  const {idx, left = -1} = cursor
  if (idx === null || idx === undefined || left < 0) {
    tip.hidden = true
    return
  }
  const rows = lines.flatMap(({name}, index) => {
    const value = data[index + 1]?.[idx]
    return typeof value === 'number' ? [`${name} ${format(value)}`] : []
  })
  tip.hidden = rows.length === 0
  // As text: names of lines come from whoever is on the subnet.
  tip.textContent = [formatX(data[0][idx] ?? 0), ...rows].join('\n')
  const isRight = left > over.clientWidth / 2
  tip.style.left = isRight ? 'auto' : `${left + 12}px`
  tip.style.right = isRight ? `${over.clientWidth - left + 12}px` : 'auto'
}
