/** Glyphs of 5×7 dots, a row a string: what is needed to ask for a verdict. */
const glyphs: Readonly<Record<string, readonly string[]>> = {
  A: ['01110', '10001', '10001', '11111', '10001', '10001', '10001'],
  E: ['11111', '10000', '10000', '11110', '10000', '10000', '11111'],
  P: ['11110', '10001', '10001', '11110', '10000', '10000', '10000'],
  R: ['11110', '10001', '10001', '11110', '10100', '10010', '10001'],
  S: ['01111', '10000', '10000', '01110', '00001', '00001', '11110'],
  T: ['11111', '00100', '00100', '00100', '00100', '00100', '00100'],
  '0': ['01110', '10001', '10011', '10101', '11001', '10001', '01110'],
  '1': ['00100', '01100', '00100', '00100', '00100', '00100', '01110'],
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** A line of text as bright boxes on a dark band in the lower part of a picture; neither fonts nor files are needed. */
export function textBoxes(text: string, {width, height}: {width: number; height: number}): {band: Box; dots: Box[]} {
  const dot = Math.max(2, Math.floor(width / (text.length * 6 + 4)))
  const [left, top] = [2 * dot, height - 10 * dot]
  const dots = [...text].flatMap((letter, index) =>
    (glyphs[letter] ?? []).flatMap((row, y) =>
      [...row.matchAll(/1+/g)].map(
        ({index: x, 0: run}): Box => ({
          x: left + (index * 6 + x) * dot,
          y: top + y * dot,
          width: run.length * dot,
          height: dot,
        }),
      ),
    ),
  )
  return {band: {x: 0, y: top - 2 * dot, width, height: 11 * dot}, dots}
}

/** The same as filters. */
export function drawText(text: string, size: {width: number; height: number}): string {
  const {band, dots} = textBoxes(text, size)
  const box = ({x, y, width, height}: Box, colour: string) =>
    `drawbox=x=${x}:y=${y}:w=${width}:h=${height}:color=${colour}:t=fill`
  return [box(band, 'black'), ...dots.map((dot) => box(dot, 'white'))].join(',')
}
