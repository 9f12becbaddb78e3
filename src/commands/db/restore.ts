import {Flags} from '@oclif/core'
import type {Restored} from '../../app/store-care.js'
import {BaseCommand} from '../../cli/base-command.js'
import {confirm} from '../../cli/confirm.js'
import {storeFlag, storeRole, yesFlag} from '../../cli/flags.js'
import {bytesText} from '../../cli/units.js'

export default class DbRestore extends BaseCommand {
  static override summary = 'put a backup in the place of the store'
  static override description =
    'The store that is there is kept beside it. The backup is read whole first, and refused when it was made by a newer ' +
    'program. Stop the services that use the store before: the command refuses while one has it open.'
  static override examples = ['<%= config.bin %> <%= command.id %> --from /backups/owner.db --yes']
  static override flags = {
    from: Flags.string({description: 'the backup', helpValue: '<file>', required: true}),
    of: storeFlag,
    yes: yesFlag,
  }

  async run(): Promise<Restored | {restored: false}> {
    const {flags} = await this.parse(DbRestore)
    const app = await this.open(storeRole(flags.of))
    const {inspectBackupFile, restoreOf} = await import('../../app/store-care.js')
    const {version, sizeBytes} = await inspectBackupFile(flags.from)
    const {storePath} = app.config
    this.logToStderr(`${flags.from} (${bytesText(sizeBytes)}, version ${version}) goes to ${storePath}`)
    if (!flags.yes && !(await confirm('Put it there?', '--yes', this.signal))) {
      this.logToStderr('nothing was changed')
      return {restored: false}
    }
    const restored = await restoreOf(app, flags.from)
    this.log(`restored ${restored.path}`)
    if (restored.putAside !== null) this.logToStderr(`what was there is in ${restored.putAside}`)
    this.logToStderr('next: leoma db check, then start the services again')
    return restored
  }
}
