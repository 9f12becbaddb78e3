import {Flags} from '@oclif/core'
import type {Backup} from '../../app/store-care.js'
import {BaseCommand} from '../../cli/base-command.js'
import {storeFlag, storeRole} from '../../cli/flags.js'
import {bytesText} from '../../cli/units.js'

export default class DbBackup extends BaseCommand {
  static override summary = 'copy the store, while it is in use'
  static override description =
    'The copy is one moment of the store in one file, read back before it gets its name. Nobody has to stop for it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --to /backups/owner.db',
  ]
  static override flags = {
    to: Flags.string({
      description: 'a file that is not there yet, or a folder; backups in LEOMA_DATA when left out',
      helpValue: '<path>',
    }),
    of: storeFlag,
  }

  async run(): Promise<Backup> {
    const {flags} = await this.parse(DbBackup)
    const app = await this.open(storeRole(flags.of))
    const {backupOf} = await import('../../app/store-care.js')
    const backup = await backupOf(app, flags.to)
    this.log(`${backup.path} (${bytesText(backup.sizeBytes)}, version ${backup.version})`)
    this.logToStderr('it holds no keys; back up the wallet yourself')
    return backup
  }
}
