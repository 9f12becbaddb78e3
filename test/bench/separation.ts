import {mkdtempSync, rmSync} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import {ReferenceJudge} from '../../src/judge/reference.js'
import {defaults as params} from '../../src/mechanisms/video/params.js'
import {FfmpegMedia} from '../../src/media/ffmpeg.js'
import {calibrate} from '../../src/services/calibrate/calibrate.js'
import {run} from '../helpers/video-world.js'
import type {Measured} from './run.js'

/**
 * How well the reference judge tells good outputs from ten degradations in five strengths, on clips that its numbers did
 * not come from: our own from the second round of the series on, or those of a folder that `LEOMA_BENCH_CLIPS` names.
 */
export async function bench(): Promise<Measured[]> {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'leoma-separation-'))
  const media = new FfmpegMedia({run})
  try {
    const {clips, figures} = await calibrate(
      {
        ...{params, media, run, dir, source: process.env.LEOMA_BENCH_CLIPS || undefined, clips: 3},
        judges: [{judge: new ReferenceJudge({media}), params}],
        concurrency: os.availableParallelism(),
        onProgress: () => {},
        onSkip: () => {},
      },
      new AbortController().signal,
    )
    const {area, separation, good, noise} = figures
    const worst = separation.map(({passes}) => passes[4] ?? 0)
    return [
      {
        name: 'area under the ROC curve over the whole ladder',
        ...{ratio: area, limit: 0.97, bad: 'under'},
        note: `${clips.join(', ')}; ${separation.map(({degradation, area: own}) => `${degradation} ${own.toFixed(3)}`).join(', ')}`,
      },
      {
        name: 'the worst three of five strengths alone',
        ...{ratio: Math.min(...separation.map(({areaOfWorst}) => areaOfWorst)), limit: 0.99, bad: 'under'},
        note: separation.map(({degradation, areaOfWorst}) => `${degradation} ${areaOfWorst.toFixed(3)}`).join(', '),
      },
      {
        name: 'good outputs that fail',
        ...{ratio: 1 - good.passed, limit: 0},
        note: `${good.outputs} outputs, mean ${good.mean.toFixed(1)}, least ${good.least}`,
      },
      {
        name: 'strongest degradations that pass',
        ...{ratio: worst.reduce((sum, share) => sum + share, 0) / worst.length, limit: 0.1},
        note: separation.map(({degradation, passes}) => `${degradation} ${(passes[4] ?? 0).toFixed(2)}`).join(', '),
      },
      {
        name: 'verdicts that a second encoding turns',
        ...{ratio: noise.again.flips, limit: 0.1},
        note: `${noise.again.outputs} outputs, ${noise.again.mean.toFixed(2)} points apart on average, ${noise.again.most} at most`,
      },
    ]
  } finally {
    rmSync(dir, {recursive: true, force: true})
  }
}
