import {spawnSync} from 'node:child_process'
import {cpSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:http'
import type {AddressInfo} from 'node:net'
import path from 'node:path'
import {beforeAll, describe, expect, onTestFinished, test} from 'vitest'
import {LocalChain} from '../../src/chain/local.js'
import {systemTime} from '../../src/runtime/clock.js'
import {createHotkey} from '../../src/wallet/files.js'
import {verify, walletReady} from '../../src/wallet/keypair.js'
import {ensureBuilt, root, run, start} from '../helpers/program.js'
import {tempFolder} from '../helpers/temp-folder.js'

beforeAll(ensureBuilt)

const {version} = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

describe('one-shot commands', () => {
  test('a simulation gives the same answer on one thread and on two', async () => {
    const args = ['simulate', '--seasons', '2', '--tasks', '30', '--window', '10', '--attack', 'clone', '--json']

    const [alone, together] = await Promise.all(['1', '2'].map((threads) => run([...args, '--threads', threads])))

    expect(alone?.code).toBe(0)
    expect(together?.stdout).toBe(alone?.stdout)
    expect(JSON.parse(alone?.stdout ?? '').rows).toHaveLength(4)
  })

  test('--version is one line, the same with oclif and without', async () => {
    const line = `leoma/${version} ${process.platform}-${process.arch} node-${process.version}\n`

    expect(await run(['--version'])).toEqual({code: 0, stdout: line, stderr: ''})
    expect(await run(['--version', '--really'])).toEqual({code: 0, stdout: line, stderr: ''})
  })

  test('--help names every topic and command, and where the exit codes are', async () => {
    const {code, stdout, stderr} = await run(['--help'])

    expect({code, stderr}).toEqual({code: 0, stderr: ''})
    for (const word of ['db', 'miner', 'servers', 'get-rank', 'localnet', 'serve', 'Exit codes'])
      expect(stdout).toContain(word)
  })

  test.each(['get-rank', 'serve', 'servers api', 'db add-validator', 'miner commit', 'localnet'])(
    '%s --help shows an example',
    async (command) => {
      const {code, stdout} = await run([...command.split(' '), '--help'])

      expect(code).toBe(0)
      expect(stdout).toContain('EXAMPLES')
    },
  )

  test('an unknown command exits 2 and names the one that was meant', async () => {
    expect(await run(['get-rnk'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: there is no command "get-rnk" [COMMAND_UNKNOWN]\n  try: leoma get-rank\n  try: leoma --help\n',
    })
  })

  test('an API that is not there exits 6 with a hint, in text and in JSON', async () => {
    const env = {API_URL: 'http://127.0.0.1:1', API_MAX_RETRIES: '1'}

    const text = await run(['get-rank'], {env})
    const json = await run(['get-rank', '--json'], {env})

    expect(text).toMatchObject({code: 6, stdout: '', stderr: expect.stringContaining('try: check API_URL')})
    expect(json.code).toBe(6)
    expect(JSON.parse(json.stdout).error.code).toBe('API_UNREACHABLE')
  })

  test('.env in the current folder counts, and the environment wins over it', async () => {
    const cwd = tempFolder()
    writeFileSync(path.join(cwd, '.env'), 'API_URL=not-an-address\nAPI_MAX_RETRIES=1\n')

    const fromFile = await run(['get-rank'], {cwd})
    const fromEnvironment = await run(['get-rank'], {cwd, env: {API_URL: 'http://127.0.0.1:1'}})

    expect(fromFile).toMatchObject({code: 3, stderr: expect.stringContaining('API_URL')})
    expect(fromEnvironment.code).toBe(6)
  })

  test('a .env that cannot be read exits 3 instead of being passed over', async () => {
    const cwd = tempFolder()
    mkdirSync(path.join(cwd, '.env'))

    expect(await run(['get-rank'], {cwd})).toMatchObject({code: 3, stdout: ''})
  })

  test('Ctrl-C ends a command that waits, with 130', async () => {
    const server = createServer(() => program.child.kill('SIGINT'))
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    onTestFinished(() => void server.close())
    const {port} = server.address() as AddressInfo

    const program = start(['get-rank'], {env: {API_URL: `http://127.0.0.1:${port}`}})

    expect(await program.ended).toBe(130)
    expect(program.said).toEqual({stdout: '', stderr: 'error: stopped before it was done [INTERRUPTED]\n'})
  })

  test('a reader that goes away early is no failure', () => {
    const script = `"${process.execPath}" "${path.join(root, 'bin/run.js')}" --help | head -n 1`

    const {stdout, stderr} = spawnSync('sh', ['-c', script], {encoding: 'utf8'})

    expect(stderr).toBe('')
    expect(stdout.split('\n')[0]).toContain('Bittensor')
  })
})

describe('the start', () => {
  const guard = (nodeVersion: string, hasLocalNode = false) =>
    spawnSync(
      process.execPath,
      [
        '-e',
        `process.stdout.write(String(require(process.argv[1]).complaint(${JSON.stringify(nodeVersion)}, ${hasLocalNode})))`,
        path.join(root, 'bin/guard.cjs'),
      ],
      {encoding: 'utf8'},
    ).stdout

  test.each(['22.19.0', '22.20.1', '24.0.0', '100.0.0'])('accepts Node %s', (nodeVersion) => {
    expect(guard(nodeVersion)).toBe('undefined')
  })

  test.each(['8.17.0', '20.20.2', '22.18.9'])('refuses Node %s, and says how to get a newer one', (nodeVersion) => {
    expect(guard(nodeVersion)).toBe(
      `leoma needs Node 22.19 or newer; this is ${nodeVersion}. In a clone, \`npm rebuild node\` fetches Node 24 into node_modules, and \`npm run\` and \`npx\` then use it.`,
    )
    expect(guard(nodeVersion, true)).toContain('start leoma with `npx leoma` or `npm start`')
  })

  test('on an old Node the program is one line on stderr and exit 1', () => {
    const script = `require(process.argv[1]).guard('20.20.2')`

    const {status, stdout, stderr} = spawnSync(process.execPath, ['-e', script, path.join(root, 'bin/guard.cjs')], {
      encoding: 'utf8',
    })

    expect({status, stdout, lines: stderr.split('\n').length}).toEqual({status: 1, stdout: '', lines: 2})
  })

  test('a clone that was not built says so', () => {
    const folder = tempFolder()
    cpSync(path.join(root, 'bin'), path.join(folder, 'bin'), {recursive: true})
    cpSync(path.join(root, 'package.json'), path.join(folder, 'package.json'))

    const {status, stderr} = spawnSync(process.execPath, [path.join(folder, 'bin/run.js'), 'get-rank'], {
      encoding: 'utf8',
    })

    expect(status).toBe(1)
    expect(stderr).toContain('npm run build')
  })
})

describe('services', () => {
  /** A data folder with a chain, a subnet and its owner's wallet. */
  async function aSubnet() {
    await walletReady()
    const dataDir = tempFolder()
    const {hotkey} = await createHotkey(path.join(dataDir, 'wallets'), 'owner', 'default', new Uint8Array(32).fill(1))
    const chain = LocalChain.open({path: path.join(dataDir, 'chain.db'), time: systemTime(), verify, blockTimeMs: 250})
    chain.registerSubnet({netuid: 99, ownerHotkey: hotkey})
    chain.registerNeuron({netuid: 99, hotkey, coldkey: hotkey, stakeRao: 0n})
    await chain.close()
    return {NETWORK: 'localnet', LEOMA_DATA: dataDir, WALLET_NAME: 'owner', API_PORT: '0', LOG_FORMAT: 'json'}
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('servers api listens, answers, and stops on %s with 0', async (signal) => {
    const program = start(['servers', 'api'], {env: await aSubnet()})
    await program.sees('API is listening')
    const line = program.said.stderr.split('\n').find((text) => text.includes('API is listening'))
    const {url} = JSON.parse(line ?? '{}')

    const health = await fetch(`${url}/health`)
    program.child.kill(signal)

    expect(health.status).toBe(200)
    expect(await program.ended).toBe(0)
    expect(program.said.stdout).toBe('')
  })

  test('a port that is taken exits 3 and names the variable', async () => {
    const server = createServer()
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    onTestFinished(() => void server.close())
    const {port} = server.address() as AddressInfo

    const {code, stderr} = await run(['servers', 'api'], {env: {...(await aSubnet()), API_PORT: String(port)}})

    expect(code).toBe(3)
    expect(stderr).toContain('API_PORT')
  })

  test.each(['serve', 'servers sampler', 'servers validator'])(
    '%s without a wallet exits 4, and names the wallet',
    async (command) => {
      const env = {...(await aSubnet()), WALLET_NAME: 'nobody'}

      expect(await run(command.split(' '), {env})).toMatchObject({
        code: 4,
        stderr: expect.stringContaining('[WALLET_NOT_FOUND]'),
      })
    },
  )

  test.each(['serve', 'servers api'])('%s on a network that nobody knows exits 3', async (command) => {
    const env = {...(await aSubnet()), NETWORK: 'mainnet'}

    expect(await run(command.split(' '), {env})).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('[NETWORK_UNKNOWN]'),
    })
  })
})
