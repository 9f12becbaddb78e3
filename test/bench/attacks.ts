import {exceptions, measureEverything, tableOf, writeTable} from '../attacks/table.js'
import type {Measured} from './run.js'

/** What each attack brings without its defence and with it; `--write` puts the table into the mechanism's README. */
export async function bench(): Promise<Measured[]> {
  const measured = await measureEverything()
  const table = tableOf(measured)
  console.log(table)
  if (process.argv.includes('--write')) await writeTable(table)
  const paying = measured.filter((line) => line.with > 0)
  const open = paying.filter(({name}) => !(name in exceptions)).map(({name}) => name)
  const idle = measured.filter(({without}) => without <= 0).map(({name}) => name)
  return [
    {
      name: 'attacks that pay against the shipped exam',
      ratio: open.length,
      limit: 0,
      note: `of ${measured.length}; explained: ${Object.keys(exceptions).join(', ') || 'none'}${open.length > 0 ? `; open: ${open.join(', ')}` : ''}`,
    },
    {name: 'attacks that bring nothing even without defence', ratio: idle.length, limit: 0, note: idle.join(', ')},
  ]
}
