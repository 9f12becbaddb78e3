import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {ChutesDeployer} from '../../../src/models/chutes-deploy.js'
import type {DeploymentSettings} from '../../../src/models/port.js'
import {systemTime} from '../../../src/runtime/clock.js'
import {ChutesServer} from '../../fakes/chutes-server.js'
import {html, silence, status} from '../../fakes/provider-server.js'

const {signal} = new AbortController()
const name = 'alice/leoma-5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY'
const settings: DeploymentSettings = {
  username: 'alice',
  modelName: name,
  modelRevision: 'a1'.repeat(20),
  image: 'leoma/video-gen:1.0',
  gpuCount: 2,
  minVramGb: 80,
  gpus: [],
  concurrency: 4,
  maxInstances: 1,
  shutdownAfterS: 3600,
}

let server: ChutesServer
const deployer = (apiKey: string | undefined = 'cpk_alice') =>
  new ChutesDeployer({
    url: server.url,
    apiKey,
    invokeUrl: server.invokeUrl,
    time: systemTime(),
    timeoutMs: 2_000,
    firstPauseMs: 1,
  })
const deploy = (changes: Partial<DeploymentSettings> = {}) => {
  const by = deployer()
  return by.deploy(by.plan({...settings, ...changes}), signal)
}

beforeEach(async () => {
  server = await ChutesServer.start()
  server.addUser('alice', 'cpk_alice', 10)
  server.addUser('subnet', 'cpk_subnet')
  server.images.set('leoma/video-gen:1.0', {owner: 'leoma', public: true, status: 'built and pushed'})
  server.images.set('bob/private:1', {owner: 'bob', public: false, status: 'built and pushed'})
  server.images.set('alice/new:1', {owner: 'alice', public: false, status: 'building'})
})
afterEach(() => server.close())

describe('before a deployment', () => {
  it('tells whose key it is, and what is left', async () => {
    expect(await deployer().account(signal)).toMatchObject({
      username: 'alice',
      balanceUsd: 10,
      paymentAddress: '5PaymentAddress',
    })
    await expect(deployer('cpk_wrong').account(signal)).rejects.toMatchObject({code: 'CHUTES_KEY_REFUSED'})
  })

  it('tells whether an image can be used', async () => {
    expect(await deployer().image('leoma/video-gen:1.0', signal)).toEqual({status: 'built and pushed', isReady: true})
    expect(await deployer().image('alice/new:1', signal)).toEqual({status: 'building', isReady: false})
    expect(await deployer().image('bob/private:1', signal)).toBeUndefined()
    expect(await deployer().image('../users/me', signal)).toBeUndefined()
  })

  it('estimates the price by the cheapest GPU that will do', async () => {
    server.hourlyRate = {a100: 0.6, h100: 1.5, a5000: 0.2}

    expect(await deployer().hourlyUsd(settings, signal)).toBeCloseTo(1.2)
    expect(await deployer().hourlyUsd({...settings, gpus: ['h100']}, signal)).toBeCloseTo(3)
    expect(await deployer().hourlyUsd({...settings, gpus: ['unheard_of']}, signal)).toBeUndefined()
    expect(await deployer().hourlyUsd({...settings, minVramGb: 24}, signal)).toBeUndefined()
  })
})

describe('a deployment', () => {
  it('sends the module as text, accepts the fee, and gets the id that was foretold', async () => {
    const plan = deployer().plan(settings)

    expect(await deploy()).toEqual({chuteId: plan.chuteId, version: expect.any(String), existed: false})

    const [asked] = server.asked
    expect(`${asked?.method} ${asked?.path}`).toBe('POST /chutes/?accept_fee=true')
    expect(JSON.parse(asked?.body ?? '')).toEqual(plan.request.body)
    expect(server.chutes.get(plan.chuteId)).toMatchObject({code: plan.code, revision: settings.modelRevision})
  })

  it('made before is neither made nor paid again', async () => {
    await deploy()
    const balance = server.users.get('alice')?.balance

    expect(await deploy()).toMatchObject({existed: true, version: null})

    expect(server.users.get('alice')?.balance).toBe(balance)
  })

  it('replaces what ran under its name', async () => {
    const {chuteId} = await deploy()

    expect(await deploy({modelRevision: 'b2'.repeat(20)})).toMatchObject({chuteId, existed: false})

    expect(server.chutes.get(chuteId)?.revision).toBe('b2'.repeat(20))
  })

  it.each([
    ['IMAGE_UNUSABLE', () => server.images.clear(), '--build-image'],
    ['BALANCE_TOO_LOW', () => server.addUser('alice', 'cpk_alice', 1), 'balance'],
    ['CODE_REFUSED', () => server.bannedCode.add(name), 'push again'],
    ['DEPLOY_FORBIDDEN', () => server.reservedNames.add(name), '--gpu'],
    ['DEPLOYS_USED_UP', () => Object.assign(server, {deploymentsLeft: 0}), '24 a day'],
    ['DEPLOY_INVALID', () => server.fault('/chutes/', status(422, [{msg: 'bad'}])), '--dry-run'],
    ['DEPLOY_INVALID', () => server.fault('/chutes/', status(400, 'SDK too old')), '--dry-run'],
    ['CHUTES_KEY_REFUSED', () => server.keys.clear(), 'CHUTES_API_KEY'],
    ['CHUTES_ANSWER_INVALID', () => server.fault('/chutes/', html), 'CHUTES_API_URL'],
  ])('that is refused says what helps: %s', async (code, prepare, remedy) => {
    prepare()

    const refused = deploy()

    await expect(refused).rejects.toMatchObject({
      code,
      hints: expect.arrayContaining([expect.stringContaining(remedy)]),
    })
  })

  it('is not taken for made when the provider has something else under that name', async () => {
    await deploy()
    server.fault('/chutes/?', status(409, 'already exists'), 1)

    await expect(deploy({modelRevision: 'b2'.repeat(20)})).rejects.toMatchObject({code: 'CHUTE_DIFFERS'})
  })

  it('is never sent twice by itself', async () => {
    server.fault('/chutes/?', status(500))

    await expect(deploy()).rejects.toMatchObject({code: 'DEPLOY_UNCERTAIN', retryable: false})

    expect(server.asked.filter(({method}) => method === 'POST')).toHaveLength(1)
  })

  it('whose answer was lost is found by asking', async () => {
    await deploy()
    server.fault('/chutes/?', (response) => response.destroy(), 1)

    expect(await deploy()).toMatchObject({existed: true})
  })

  it('stops when it is told to', async () => {
    const stop = new AbortController()
    server.fault('/chutes/?', (response, asked) => {
      stop.abort(new Error('stop'))
      return silence(response, asked)
    })
    const by = deployer()

    await expect(by.deploy(by.plan(settings), stop.signal)).rejects.toThrow('stop')
  })
})

describe('sharing', () => {
  it('lets the other account see the chute, and may be repeated', async () => {
    const {chuteId} = await deploy()
    expect(await deployer('cpk_subnet').current(chuteId, signal)).toBeUndefined()

    await deployer().share(chuteId, 'subnet', signal)
    await deployer().share(chuteId, 'subnet', signal)

    expect(await deployer('cpk_subnet').current(chuteId, signal)).toMatchObject({chuteId})
  })

  it('with oneself is done already; with nobody it fails', async () => {
    const {chuteId} = await deploy()

    await deployer().share(chuteId, 'alice', signal)
    await expect(deployer().share(chuteId, 'nobody', signal)).rejects.toMatchObject({code: 'SHARE_REFUSED'})
  })
})

it('sends no key to a host without TLS that is not this machine', () => {
  const insecure = () =>
    new ChutesDeployer({url: 'http://api.example', apiKey: 'cpk_a', invokeUrl: '', time: systemTime()})

  expect(insecure).toThrow(expect.objectContaining({code: 'CHUTES_INSECURE', kind: 'config'}))
  expect(insecure).not.toThrow('cpk_a')
})
