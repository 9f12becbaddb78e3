import {expect, test} from 'vitest'
import {MeasuredQuality} from '../../../src/quality/measured.js'
import {h264, make, media, never, useFolder} from '../media/videos.js'

const file = useFolder()

/** From black to one colour, left to right. */
const colours = {red: "r='X*2.6':g=0:b=0", blue: "r=0:g=0:b='X*2.6'"} as const
const picture = (name: keyof typeof colours) => `nullsrc=size=96x96:rate=25:duration=1,format=gbrp,geq=${colours[name]}`

async function identityOf(video: keyof typeof colours, reference: keyof typeof colours): Promise<number> {
  const sound = ['-f', 'lavfi', '-i', 'sine=frequency=300:sample_rate=16000:duration=1']
  const made = {
    video: await make(file(`${video}-${reference}.mp4`), [
      ...['-f', 'lavfi', '-i', picture(video), ...sound, ...h264, '-c:a', 'aac', '-shortest'],
    ]),
    face: await make(file(`${reference}.png`), ['-f', 'lavfi', '-i', picture(reference), '-frames:v', '1']),
    audio: await make(file('voice.wav'), sound),
  }
  const expected = {resolution: 96, fps: 25, durationS: 1, toleranceS: 0.3}
  const report = await new MeasuredQuality({media}).measure({...made, text: null, expected}, never)
  if (!report.ok) throw new Error(report.reason)
  return report.metrics.identity
}

test('fault 16, reference and video are read in different orders of colour: the same picture is the same, its colours swapped are not', async () => {
  expect(await identityOf('red', 'red')).toBeGreaterThan(0.9)
  expect(await identityOf('blue', 'red')).toBeLessThan(0.75)
})
