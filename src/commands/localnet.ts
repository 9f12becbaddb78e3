import {Flags} from '@oclif/core'
import {BaseCommand} from '../cli/base-command.js'
import type {LocalAttack} from '../services/localnet/attacks.js'
import type {LocalnetResult} from '../services/localnet/events.js'

export default class Localnet extends BaseCommand {
  static override summary = 'run a whole subnet on this machine: owner, validators, miners, chain, storage and judge'
  static override description =
    'Every part is the real service; only the chain, the storage and the miners are local. Nothing leaves this machine ' +
    'and no key, wallet or account is needed, unless --chain, --objects, --judge or --models put something else in the place ' +
    'of what is local. Shows what happens round by round on stderr, and the final ranking on ' +
    'stdout. Without --rounds it goes on until Ctrl-C. What is on stderr is text for people; with LOG_FORMAT=json, or with ' +
    '--json where stderr is no terminal, it is one JSON object per line.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --rounds 3 --source ~/Videos --json',
    '<%= config.bin %> <%= command.id %> --miners oracle,drift,copycat --validators 3 --rounds 2',
    '<%= config.bin %> <%= command.id %> --attack slow-zoom,copy-shifted --rounds 1',
    '<%= config.bin %> <%= command.id %> --data ./my-subnet --port 8000',
    '<%= config.bin %> <%= command.id %> --mechanism video,talking-head --validators 1 --rounds 2',
    '<%= config.bin %> <%= command.id %> --chain ws://127.0.0.1:9944 --rounds 1',
    '<%= config.bin %> <%= command.id %> --objects s3://127.0.0.1:9000 --judge openai --rounds 1',
  ]
  static override flags = {
    mechanism: Flags.string({
      description: 'video, talking-head, or both separated by a comma, each on an index of its own',
      helpValue: '<names>',
      default: 'video',
    }),
    miners: Flags.string({
      description:
        'profiles of the miners, separated by commas; of a mechanism of whose cast nobody is named, and when left out, all',
      helpValue: '<names>',
    }),
    attack: Flags.string({
      description:
        'attacks to carry out, separated by commas, beside the miners oracle and drift unless others are named; list ' +
        'shows them',
      helpValue: '<names>',
    }),
    validators: Flags.integer({description: 'number of validators', min: 1, max: 16, default: 2}),
    rounds: Flags.integer({description: 'end after this many rounds', min: 1, max: 10_000}),
    'block-time': Flags.integer({
      description: 'milliseconds between two blocks; 1000 when left out',
      helpValue: '<ms>',
      min: 50,
      max: 600_000,
    }),
    data: Flags.string({
      description: 'folder to keep everything in, and to resume from; a temporary one when left out',
      helpValue: '<folder>',
    }),
    source: Flags.string({
      description: 'folder of videos (mp4, mov, mkv, webm, avi) to make tasks from; clips are made when left out',
      helpValue: '<folder>',
    }),
    port: Flags.integer({
      description: "port of the owner's API; 8000, or a free one, when left out",
      min: 0,
      max: 65_535,
    }),
    chain: Flags.string({
      description:
        'node of a subtensor chain of your own, in the place of the embedded chain: a subnet is registered there, paid ' +
        'by FUNDING_SECRET; public chains are refused',
      helpValue: '<address>',
    }),
    objects: Flags.string({
      description:
        'S3 store for footage and tasks, s3://host:port[/begin-of-bucket-names]; keys, buckets and region are those of ' +
        'the S3_ variables, or of HIPPIUS_ or R2_ when OBJECT_STORAGE_BACKEND says so',
      helpValue: '<address>',
    }),
    judge: Flags.string({
      description:
        'reference or openai; openai asks the vision model at OPENAI_BASE_URL with OPENAI_API_KEY, for money',
      helpValue: '<name>',
    }),
    'judge-model': Flags.string({
      description: 'vision model of judge openai, by the exact name that the provider has for it',
      helpValue: '<name>',
    }),
    models: Flags.string({
      description:
        'address that answers for Chutes, Hugging Face and the chutes themselves (<address>/chute/<slug>), with ' +
        'CHUTES_API_KEY and HF_TOKEN, in the place of models.json in the data folder',
      helpValue: '<address>',
    }),
  }

  async run(): Promise<LocalnetResult | {readonly attacks: readonly LocalAttack[]}> {
    const {flags} = await this.parse(Localnet)
    if (flags.attack === 'list') return this.#list()
    const {runLocalnet} = await import('../cli/localnet-run.js')
    const miners = flags.miners?.split(',').map((name) => name.trim())
    const attacks = flags.attack?.split(',').map((name) => name.trim())
    return runLocalnet(
      {
        validators: flags.validators,
        mechanisms: flags.mechanism.split(',').flatMap((name) => name.trim() || []),
        ...(miners && {miners: miners.filter((name) => name !== '')}),
        ...(attacks && {attacks}),
        ...(flags.rounds !== undefined && {rounds: flags.rounds}),
        ...(flags['block-time'] !== undefined && {blockTimeMs: flags['block-time']}),
        ...(flags.data !== undefined && {dataDir: flags.data}),
        ...(flags.source !== undefined && {source: flags.source}),
        ...(flags.chain !== undefined && {chain: flags.chain}),
        ...(flags.objects !== undefined && {objects: flags.objects}),
        ...(flags.judge !== undefined && {judge: flags.judge}),
        ...(flags['judge-model'] !== undefined && {judgeModel: flags['judge-model']}),
        ...(flags.models !== undefined && {models: flags.models}),
      },
      {port: flags.port, json: this.jsonEnabled()},
    )
  }

  async #list() {
    const {localAttacks} = await import('../services/localnet/attacks.js')
    this.table(
      [
        {name: 'attack', value: ({name}: LocalAttack) => name},
        {name: 'what it does', value: ({about}: LocalAttack) => about, flexible: true},
      ],
      localAttacks,
    )
    return {attacks: localAttacks}
  }
}
