import type {Migrated} from '../../app/store-care.js'
import {BaseCommand} from '../../cli/base-command.js'
import {storeFlag, storeRole} from '../../cli/flags.js'

export default class DbMigrate extends BaseCommand {
  static override summary = 'make the store, or bring it to the version of this program'
  static override description =
    'Services do it too when they start. Doing it beforehand keeps the time that they are down short; take a backup first, ' +
    'because there is no way back but restoring it.'
  // The published program's name for the half of it that it had.
  static override aliases = ['db:init']
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json']
  static override flags = {of: storeFlag}

  async run(): Promise<Migrated> {
    const {flags} = await this.parse(DbMigrate)
    const app = await this.open(storeRole(flags.of))
    const {migrateStore} = await import('../../app/store-care.js')
    const {path, from, to} = await migrateStore(app)
    if (from === to) this.log(`${path} is at version ${to}, as it should be`)
    else if (from === 0) this.log(`${path} was made, at version ${to}`)
    else this.log(`${path} is at version ${to} now, it was at ${from}`)
    return {path, from, to}
  }
}
