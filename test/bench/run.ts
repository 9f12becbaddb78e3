import {existsSync} from 'node:fs'

/** One measurement, as a ratio of two things measured in the same run, so that the machine cancels out. */
export interface Measured {
  readonly name: string
  readonly ratio: number
  readonly limit: number
  /** The figures behind the ratio, with units. */
  readonly note: string
  /** `over` when more than the limit is too much (the usual case), `under` when less is too little. */
  readonly bad?: 'over' | 'under'
}

interface BenchModule {
  bench(): Promise<Measured[]>
}

const files = [
  ...['startup', 'chain', 'media', 'objects', 'evaluate', 'judge', 'duplicates', 'attacks', 'api', 'localnet'],
  ...['fold', 'audit', 'separation', 'web'],
]
const args = process.argv.slice(2)
const isStrict = args.includes('--strict')
const asked = args.filter((arg) => !arg.startsWith('--'))

const isBad = ({ratio, limit, bad = 'over'}: Measured) => (bad === 'over' ? ratio > limit : ratio < limit)

let failures = 0
for (const file of files.filter((name) => asked.length === 0 || asked.includes(name))) {
  const url = new URL(`./${file}.ts`, import.meta.url)
  if (!existsSync(url)) continue
  console.error(`measuring ${file} …`)
  const {bench}: BenchModule = await import(url.href)
  for (const measured of await bench()) {
    if (isBad(measured)) failures++
    const sign = measured.bad === 'under' ? '≥' : '≤'
    const state = isBad(measured) ? 'OVER' : 'ok'
    console.log(
      [
        state.padEnd(5),
        measured.ratio.toFixed(2).padStart(7),
        `${sign} ${measured.limit}`.padEnd(9),
        measured.name.padEnd(48),
        measured.note,
      ].join(' '),
    )
  }
}
if (failures > 0 && isStrict) process.exitCode = 1
