import {existsSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {talkingHead} from '../../src/mechanisms/talking-head/index.js'
import type {HeadResult} from '../../src/services/localnet/events.js'
import {withLocalnet} from '../helpers/localnet.js'

const cheats = talkingHead.cast.filter(({expects}) => expects === 'fails').map(({name}) => name)

/** What a cheat is told, in whichever sandbox it ran. */
const told: Readonly<Record<string, RegExp>> = {
  symlink: /no plain file/,
  hangs: /timed out/,
  prints: /printed-too-much/,
  'fills-disk': /ended with|wrote-too-much/,
}

/** Two mechanisms on one chain, from the start to the weights of both; every cheat of the cast takes part. */
describe.each(['process', 'podman'])('both mechanisms in one localnet, images in %s', (isolation) => {
  test('end by themselves, crown the right ones on an index each, and give no cheat a point', async () => {
    await withLocalnet(
      // The whole cast of images, and one miner of videos.
      {mechanisms: ['video', 'talking-head'], miners: ['oracle'], validators: 1, rounds: 1},
      async ({localnet}) => {
        const {heads, winner, weights, rounds} = await localnet.run()

        expect({rounds, winner: winner?.profile}).toEqual({rounds: 1, winner: 'oracle'})
        expect(weights).toMatchObject({uids: [winner?.uid], values: [65_535]})
        expect(heads).toMatchObject({isolation, winner: {profile: 'good'}})
        expect(heads?.weights).toMatchObject({uids: [heads?.winner?.uid], values: [65_535]})
        expect(heads?.winner?.uid).not.toBe(winner?.uid)

        const byName = new Map<string, HeadResult>(heads?.miners.map((miner) => [miner.profile, miner]))
        const ranked = [...byName.values()].filter(({rank}) => rank !== null)
        const why = [...byName.values()].map(({profile, sentence}) => `${profile}: ${sentence}`).join('\n')
        const passing = ['frozen', 'good', 'memory-hungry', 'silent', 'slow']
        expect(ranked.map(({profile}) => profile).sort(), why).toEqual(passing)
        for (const name of cheats) {
          expect(byName.get(name)).toMatchObject({rank: null, weight: 0, score: 0})
          expect(byName.get(name)?.sentence).toMatch(/^not ranked: its image did not deliver in round 1/)
          expect(byName.get(name)?.sentence).toMatch(told[name] ?? /ended with 1/)
        }
        expect(byName.get('missing')?.sentence).toContain('could not be pulled')
        expect(byName.get('copycat')?.sentence).toContain('submitted this first: it stays theirs')
        expect(existsSync('/escaped')).toBe(false)
      },
      {SANDBOX: isolation},
    )
  }, 600_000)
})
